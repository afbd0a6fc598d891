"""A published definition becomes tables and closures: all that can be done before the events.

What is compiled knows every predicate, trait and entry property that it reads, so that the
engine asks a journey only when something it reads has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from journeystream.computed_traits import ComputedTrait
from journeystream.condition_language import Condition
from journeystream.conditions import (
    CompiledCondition,
    Moment,
    Predicate,
    all_of,
    merge_predicates,
    never_turns,
)
from journeystream.definitions import JourneyDefinition
from journeystream.durations import Duration, parse_duration
from journeystream.effects import stable_id
from journeystream.entry_language import AfterExit, Entry, EveryTime, Reentry, Runs
from journeystream.steps.contract import CompiledStep, Surroundings
from journeystream.steps.merge import without_closing_merges
from journeystream.user import User

AttributesOf = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CompiledGoal:
    """Something that an instance may reach, once; it ends the instance if it `exits`.

    A goal of a percent split, named by `split`, is only for instances that have passed it.
    """

    id: str
    name: str
    condition: CompiledCondition
    exits: bool
    split: str = ""


@dataclass(frozen=True, slots=True)
class Concurrent:
    """Instances beside each other: told apart by a property of what let them in, so many at most.

    A key that is inside already begins anew if it `restarts`, else it is passed over.
    """

    path: str
    most: int
    restarts: bool


@dataclass(frozen=True, slots=True)
class CompiledJourney:
    """One version of a journey, ready to be walked.

    `entry` is all that entering asks: condition, audiences, exclusions. Where it `admits`, its
    turning true is a cause to enter, and an event that it `welcomes` is one too; else it only
    narrows down a trigger. `already_in`: who meets it when the journey is published enters.
    `takes_strangers`: so that becoming known can be a reason to enter. With `runs` it lets users in
    at those only (`runs.py`).

    `reads` and those beside it are what instances in flight depend on (exits, goals, steps); the
    entry condition has its own. `watched` are the paths of traits whose last change is asked for,
    `entry_paths` the properties of the entry event that are kept. A version that uses history has
    facts of its `own`: their ids end with it.
    """

    id: str
    name: str
    version: int
    entry: CompiledCondition
    admits: bool
    welcomes: frozenset[str]
    already_in: bool
    takes_strangers: bool
    triggers: tuple[tuple[str, str], ...]
    runs: Runs | None
    reenters: bool
    cool_down: Duration | None
    concurrent: Concurrent | None
    goals: tuple[CompiledGoal, ...]
    exits: tuple[tuple[str, CompiledCondition], ...]
    leaves_audience: bool
    max_duration: Duration | None
    zone: tzinfo
    exits_at_end: bool
    first_step: str
    steps: Mapping[str, CompiledStep]
    reads: frozenset[str]
    reads_traits: frozenset[str]
    reads_journeys: frozenset[str]
    reads_lists: frozenset[str]
    watched: frozenset[str]
    entry_paths: tuple[str, ...]
    predicates: Mapping[str, Predicate]
    own: str = ""

    @property
    def meets_everyone(self) -> bool:
        """Whether a new version looks at everyone that is known: they may qualify already."""
        everyone = self.runs is not None and self.runs.everyone
        return bool(self.own) or self.already_in or everyone

    @property
    def past(self) -> list[Predicate]:
        """The predicates that count events of before the version was published."""
        return [
            each for id_, each in self.predicates.items() if self.own and id_.endswith(self.own)
        ]


@dataclass(frozen=True, slots=True)
class Workshop:
    """What journeys are compiled with: zone, audiences, destinations' attributes, computed.

    `zone_trait` is the trait that names a user's own time zone.
    """

    zone: tzinfo
    audiences: Mapping[str, Condition]
    attributes_of: AttributesOf
    computed: Mapping[str, ComputedTrait] = field(default_factory=dict)
    zone_trait: str | None = None


def compile_journey(
    definition: JourneyDefinition, version: int, keys: Mapping[str, str], workshop: Workshop
) -> CompiledJourney:
    """Compile a validated definition; `keys` maps send steps to their keys."""
    said, around = definition.entry, surroundings_of(definition, version, workshop)
    entry = _entry(said, around)
    exits = tuple((rule.name, around.condition(rule.condition)) for rule in definition.exits)
    steps = {
        step.id: step.compile(replace(around, key=keys.get(step.id, "")))
        for step in without_closing_merges(definition.steps)
    }
    goals = tuple(_goals(definition, steps, around))
    in_flight = [condition for _, condition in exits]
    in_flight += [goal.condition for goal in goals]
    in_flight += [condition for step in steps.values() for condition in step.conditions]
    if definition.leave_when_not_in_audience:
        in_flight.append(entry)
    reading: list[CompiledCondition | CompiledStep] = [*in_flight, *steps.values()]
    return CompiledJourney(
        id=definition.id,
        name=definition.name,
        version=version,
        entry=entry,
        admits=said.admits,
        # Who is in an audience comes by joining it, not by doing more of what keeps them in.
        welcomes=around.condition(said.condition).welcomes if said.condition else frozenset(),
        already_in=said.already_in,
        takes_strangers=said.admits and (said.meets_all or entry.holds(Moment(User(""), now=0))),
        triggers=((said.trigger.journey, said.trigger.step),) if said.trigger else (),
        runs=said.schedule,
        reenters=said.reentry != "never",
        cool_down=_cool_down(said.reentry),
        concurrent=_concurrent(said.reentry),
        goals=goals,
        exits=exits,
        leaves_audience=definition.leave_when_not_in_audience,
        max_duration=parse_duration(definition.max_duration) if definition.max_duration else None,
        zone=around.zone,
        exits_at_end=definition.at_end == "exit",
        first_step=definition.first_step,
        steps=steps,
        reads=_union("predicates", in_flight),
        reads_traits=_union("traits", reading),
        reads_journeys=_union("journeys", in_flight),
        reads_lists=_union("lists", in_flight),
        watched=_union("watched", (entry, *in_flight)),
        entry_paths=tuple(sorted(_union("entry_paths", reading))),
        predicates=merge_predicates([entry, *in_flight]),
        own=around.own,
    )


def surroundings_of(
    definition: JourneyDefinition, version: int, workshop: Workshop
) -> Surroundings:
    """Return what the journey's conditions and steps are compiled in."""
    return Surroundings(
        ZoneInfo(definition.time_zone) if definition.time_zone else workshop.zone,
        workshop.audiences,
        attributes_of=workshop.attributes_of,
        computed=workshop.computed,
        journey=definition.id,
        zone_trait=definition.time_zone_trait or workshop.zone_trait,
        sending=definition.sending,
        own=_own(definition.id, version) if definition.entry.use_history else "",
    )


def _entry(said: Entry, around: Surroundings) -> CompiledCondition:
    """Return all that entering asks."""
    asked = [around.condition(condition) for _, condition in said.conditions()]
    return all_of(asked) if asked else _ALWAYS


def _union(name: str, readers: Iterable[CompiledCondition | CompiledStep]) -> frozenset[str]:
    """Return all that these read of a kind."""
    return frozenset().union(*(getattr(each, name) for each in readers))


def _goals(
    definition: JourneyDefinition, steps: Mapping[str, CompiledStep], around: Surroundings
) -> Iterator[CompiledGoal]:
    """Yield the journey's own goals, then those of its percent splits."""
    for goal in definition.goals:
        yield CompiledGoal(goal.id, goal.title, around.condition(goal.condition), goal.exits)
    for step in steps.values():
        for name, condition in step.goals:
            id_ = f"{step.id}.{name}"
            yield CompiledGoal(id_, name, condition, exits=False, split=step.id)


def _own(journey: str, version: int) -> str:
    """Return what the facts of a version that uses history end with."""
    return f"@{stable_id(journey, str(version))[:8]}"


_ALWAYS = CompiledCondition(
    holds=lambda _: True,
    turns=never_turns,
    predicates={},
    welcomes=frozenset(),
    resents=frozenset(),
    traits=frozenset(),
)


def _cool_down(reentry: Reentry) -> Duration | None:
    if isinstance(reentry, AfterExit) and reentry.after_exit.cool_down:
        return parse_duration(reentry.after_exit.cool_down)
    return None


def _concurrent(reentry: Reentry) -> Concurrent | None:
    if not isinstance(reentry, EveryTime):
        return None
    said = reentry.every_time
    return Concurrent(said.key, said.most, said.on_repeat == "restart")
