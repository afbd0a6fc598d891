"""Measuring: figures from what the travel log tells, one thing after the other.

Laws:

1. Only what is told counts: a goal is told when it is reached after entry, never for who met it on
   entering. Everything told carries when its instance began, so nothing has to be remembered of it.
2. The order of the log does not matter, nor how it lies in partitions: figures are the same.
3. Milestones, stages, steps and edges count passes through the journey. Splits count users: chance
   gives paths to users, so users are what a confidence interval may count as independent.
4. Memory: some numbers for each journey, step, edge and milestone; the times to a milestone as
   `spread.py` keeps them; and the ids of the users who were given a path of a split with goals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Literal

from journeystream.durations import MICROS, iso
from journeystream.effects import Assigned, Reached, Travel, Travelled
from journeystream.figures import (
    Conversion,
    Edge,
    Estimate,
    JourneyFigures,
    Measurement,
    Milestone,
    Path,
    Split,
    Stages,
    Step,
)
from journeystream.intervals import Interval, Share, of_difference, of_rate, of_ratio
from journeystream.spread import Spread

_DAYS = (7, 30, 90)
_DAY = 86_400 * MICROS
_MilestoneKey = tuple[Literal["goal", "exit", "exit_condition"], str, str, str]


def measure(told: Iterable[Travel], as_of: int, journeys: Collection[str] = ()) -> Measurement:
    """Return the figures of some journeys (of all, if none is named) at an instant."""
    measuring = Measuring(as_of, journeys)
    for each in told:
        measuring.add(each)
    return measuring.figures()


class Measuring:
    """Takes in what a travel log tells; `figures` are what it comes to so far."""

    def __init__(self, as_of: int, journeys: Collection[str] = ()) -> None:
        self._as_of = as_of
        self._wanted = frozenset(journeys)
        self._since: int | None = None
        self._journeys: dict[str, _Journey] = {}

    def add(self, told: Travel) -> None:
        """Take in one thing."""
        if told.at > self._as_of:
            return
        if self._since is None or told.at < self._since:
            self._since = told.at
        id_ = told.journey_id if isinstance(told, Travelled) else told.journey
        if self._wanted and id_ not in self._wanted:
            return
        journey = self._journeys.get(id_)
        if journey is None:
            journey = self._journeys[id_] = _Journey(self._as_of)
        journey.add(told)

    def figures(self) -> Measurement:
        """Return what it comes to so far."""
        return Measurement(
            as_of=iso(self._as_of),
            since=None if self._since is None else iso(self._since),
            journeys=tuple(journey.figures(id_) for id_, journey in sorted(self._journeys.items())),
        )


class _Newest:
    """What was told last of something; of several at one instant, the greatest."""

    def __init__(self) -> None:
        self._told: tuple[int, tuple[str, ...]] = (0, ())

    def tell(self, at: int, what: tuple[str, ...]) -> None:
        if not self._told[1] or (at, what) > self._told:
            self._told = at, what

    @property
    def what(self) -> tuple[str, ...]:
        return self._told[1]


class _Achieved:
    """How often a milestone was reached, in each window, and after how long."""

    def __init__(self) -> None:
        self.all_time = 0
        self.within = dict.fromkeys(_DAYS, 0)
        self.times = Spread()

    def add(self, at: int, as_of: int, entered_at: int | None) -> None:
        self.all_time += 1
        for days in _DAYS:
            self.within[days] += at > as_of - days * _DAY
        if entered_at is not None:
            self.times.add(at - entered_at)


class _Tested:
    """Who was given a path of a split, and who of them reached which goal."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.converted: defaultdict[str, set[str]] = defaultdict(set)
        self.is_control = False
        self._said: tuple[int, bool] | None = None

    def add(self, told: Assigned | Reached) -> None:
        # Whoever reached a goal there was given the path, even if the log does not go back so far.
        self.users.add(told.user_id)
        if isinstance(told, Reached):
            self.converted[told.goal].add(told.user_id)
        # Versions may differ in which path is the control: the newest counts.
        said = told.at, told.is_control
        if self._said is None or said > self._said:
            self._said, self.is_control = said, told.is_control


class _Journey:
    """The figures of one journey, as they grow."""

    def __init__(self, as_of: int) -> None:
        self._as_of = as_of
        self._name = _Newest()
        self._life: Counter[str] = Counter()
        self._arrivals: Counter[str] = Counter()
        self._edges: Counter[tuple[str, str, str, str]] = Counter()
        self._steps: defaultdict[str, _Newest] = defaultdict(_Newest)
        self._milestones: defaultdict[_MilestoneKey, _Achieved] = defaultdict(_Achieved)
        self._splits: defaultdict[str, defaultdict[str, _Tested]] = defaultdict(
            lambda: defaultdict(_Tested)
        )

    def add(self, told: Travel) -> None:
        if isinstance(told, Travelled):
            self._stage(told)
            return
        if isinstance(told, Reached):
            self._achieve(("goal", told.goal, told.split, told.path), told)
        if told.split:
            self._splits[told.split][told.path].add(told)

    def figures(self, id_: str) -> JourneyFigures:
        return JourneyFigures(
            journey=id_,
            name="".join(self._name.what),
            stages=Stages(**self._life),
            milestones=tuple(
                _milestone(key, achieved) for key, achieved in sorted(self._milestones.items())
            ),
            splits=tuple(_split(*split) for split in sorted(self._splits.items())),
            steps=tuple(
                Step(step=step, name=name, type=type_, arrivals=self._arrivals[step])
                for step, newest in sorted(self._steps.items())
                for name, type_ in (newest.what,)
            ),
            edges=tuple(
                Edge(from_step=parent, branch=branch, path=path, to_step=step, passed=passed)
                for (parent, branch, path, step), passed in sorted(self._edges.items())
            ),
        )

    def _stage(self, told: Travelled) -> None:
        stage = told.stage_id
        self._name.tell(told.at, (told.journey_name,))
        # A step may be called like a stage of life, but it has one before it.
        if told.parent_id:
            self._arrivals[stage] += 1
            self._steps[stage].tell(told.at, (told.stage_name, told.stage_type))
            way = told.split_condition_name, told.test_group_name
            self._edges[told.parent_id, *way, stage] += 1
            return
        self._life[stage] += 1
        if stage == "exit":
            self._achieve(("exit", "exit", "", ""), told)
            for name in told.exit_segments.split("|") if told.exit_segments else ():
                self._achieve(("exit_condition", name, "", ""), told)

    def _achieve(self, key: _MilestoneKey, told: Travelled | Reached) -> None:
        self._milestones[key].add(told.at, self._as_of, told.entered_at)


def _milestone(key: _MilestoneKey, achieved: _Achieved) -> Milestone:
    kind, name, split, path = key
    median = achieved.times.median()
    return Milestone(
        kind=kind,
        name=name,
        split=split,
        path=path,
        all_time=achieved.all_time,
        last_7_days=achieved.within[7],
        last_30_days=achieved.within[30],
        last_90_days=achieved.within[90],
        median_seconds=None if median is None else median / MICROS,
    )


def _split(id_: str, paths: dict[str, _Tested]) -> Split:
    goals = sorted({goal for tested in paths.values() for goal in tested.converted})
    controls = [tested for _, tested in sorted(paths.items()) if tested.is_control]
    ordered = sorted(paths.items(), key=lambda each: (not each[1].is_control, each[0]))
    return Split(
        split=id_,
        paths=tuple(
            Path(
                path=name,
                is_control=tested.is_control,
                entered=len(tested.users),
                goals=tuple(
                    _conversion(goal, tested, controls[0] if controls else None) for goal in goals
                ),
            )
            for name, tested in ordered
        ),
    )


def _conversion(goal: str, tested: _Tested, control: _Tested | None) -> Conversion:
    mine = _share(goal, tested)
    against = None if control is None or tested.is_control else _share(goal, control)
    difference = lift = None
    if against is not None:
        difference = _estimate(mine.rate - against.rate, of_difference(mine, against))
        value = mine.rate / against.rate - 1 if against.part else None
        low, high = of_ratio(mine, against)
        lift = _estimate(value, Interval(low - 1, high - 1))
    return Conversion(
        goal=goal,
        conversions=mine.part,
        rate=_estimate(mine.rate, of_rate(mine)),
        difference=difference,
        lift=lift,
    )


def _share(goal: str, tested: _Tested) -> Share:
    # Nobody is noted as converted where nobody was.
    return Share(len(tested.converted.get(goal, ())), len(tested.users))


def _estimate(value: float | None, interval: Interval) -> Estimate:
    return Estimate(value=value, low=interval.low, high=interval.high)
