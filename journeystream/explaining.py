"""Explaining: why a user is in a journey, at that place, or why they are not.

Laws:

1. It asks what the engine would ask, of the same user, in the same context (`walk.py`), and
   changes nothing. It decides nothing of its own: what it calls true is what the engine goes by.
2. It tells how things are at `now`, of a user as they were last applied. What time alone has
   brought since then was not applied yet: it shows as a wake that lies in the past, or as `due`.
3. Of a version that the user's partition has not learned of yet, no event counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from journeystream.clauses import clause_of
from journeystream.compiler import CompiledGoal, CompiledJourney, Workshop, surroundings_of
from journeystream.condition_language import Condition
from journeystream.control_log import Published, PublishedVersion
from journeystream.effects import instance_id
from journeystream.engine import Rules
from journeystream.errors import CommandRefused, did_you_mean
from journeystream.explanation import (
    Asked,
    Explanation,
    GoalState,
    InstanceState,
    JourneyExplanation,
    Standing,
    Told,
)
from journeystream.journeys import Floors, Journeys
from journeystream.leaving import last_instant, met
from journeystream.moments import Moment
from journeystream.obstacles import Door, is_known, obstacles
from journeystream.steps import Step
from journeystream.steps.contract import Surroundings
from journeystream.steps.multi_branch_split import MultiBranchSplit
from journeystream.steps.percent_split import PercentSplit
from journeystream.user import NEVER, Instance, Passes, Position, User
from journeystream.walk import Walk


class Explainer:
    """What is published, ready to be asked about any user."""

    def __init__(self, published: Published, workshop: Workshop) -> None:
        self._published = published
        self._workshop = published.equipped(workshop)
        self._journeys = published.compiled(workshop)

    @property
    def journeys(self) -> Journeys:
        """The journeys as workers have compiled them."""
        return self._journeys

    def explain(
        self,
        user_id: str,
        user: User | None,
        now: int,
        floors: Floors,
        journey: str | None = None,
    ) -> Explanation:
        """Explain one journey, or all; `floors` are those of the user's partition.

        CommandRefused where no such journey is published.
        """
        heads = self._published.heads
        if journey is not None and journey not in heads:
            raise CommandRefused(
                f"no journey {journey!r} is published; {did_you_mean(journey, heads.keys())}"
            )
        asked = sorted(self._journeys.heads) if journey is None else [journey]
        user = user or User(user_id)
        now = max(now, user.clock)  # which never goes back, as in the engine
        walk = self._walk(user, now, floors)
        return Explanation(
            user_id=user_id,
            known=is_known(user),
            became=user.became or None,
            now=now,
            journeys=tuple(self._of_journey(walk, id_, floors) for id_ in asked),
        )

    def _walk(self, user: User, now: int, floors: Floors) -> Walk:
        """Return the context in which the engine would look at the user now."""
        unlearned = {each: now for each in self._journeys.versions if each not in floors.instants}
        walk = Walk(user, Rules(self._journeys, Floors({**unlearned, **floors.instants})))
        walk.now = walk.came = now
        return walk

    def _of_journey(self, walk: Walk, id_: str, floors: Floors) -> JourneyExplanation:
        head, state = self._journeys.heads[id_], self._published.heads[id_].state
        version = self._published.versions[id_, head.version]
        inside = [each for each in walk.user.instances if each.journey == id_]
        passes = walk.user.passes.get(id_, Passes(head.version))
        entry = tuple(self._entry(walk, head, version))
        learned = (id_, head.version) in floors.instants
        door = Door(head, version.definition.entry, state, entry, learned)
        floor = walk.floors.of(head)
        return JourneyExplanation(
            journey=id_,
            name=head.name,
            state=state,
            version=head.version,
            inside=bool(inside),
            instances=tuple(self._of_instance(walk, each) for each in inside),
            entered=passes.entered,
            exits=passes.exits,
            qualifies=head.entry.holds(walk.moment(head)),
            entry=entry,
            obstacles=tuple(obstacles(walk, door)),
            counts_from=None if floor == NEVER else floor,
        )

    def _entry(
        self, walk: Walk, journey: CompiledJourney, version: PublishedVersion
    ) -> Iterator[Asked]:
        around = surroundings_of(version.definition, version.version, self._workshop)
        return _asked(version.definition.entry.conditions(), around, walk.moment(journey))

    # ── who is inside ────────────────────────────────────────────────────────────────────

    def _of_instance(self, walk: Walk, instance: Instance) -> InstanceState:
        journey = walk.version_of(instance)
        version = self._published.versions[instance.journey, instance.version]
        asked = self._entry(walk, journey, version) if journey.leaves_audience else ()
        pass_ = _Pass(
            walk,
            instance,
            journey,
            version,
            surroundings_of(version.definition, version.version, self._workshop),
        )
        id_ = instance_id(instance.journey, walk.user.id, instance.number, instance.entered_at)
        return InstanceState(
            instance=id_,
            version=instance.version,
            number=instance.number,
            key=instance.key,
            entered_at=instance.entered_at,
            entry=instance.entry,
            results=instance.results,
            paths=instance.paths,
            stands_still=_stands_still(walk, instance.journey),
            wakes_at=instance.wake,
            ends_at=last_instant(instance, journey) if journey.max_duration else None,
            positions=tuple(pass_.standings()),
            goals=tuple(pass_.goals()),
            exits=tuple(pass_.exits()),
            stays_while=tuple(asked),
        )


@dataclass(frozen=True, slots=True)
class _Pass:
    """One instance, with what its version is written and compiled in."""

    walk: Walk
    instance: Instance
    journey: CompiledJourney
    version: PublishedVersion
    around: Surroundings

    def standings(self) -> Iterator[Standing]:
        """Yield where it stands."""
        written = {step.id: step for step in self.version.definition.steps}
        for position in self.instance.positions:
            if position.step is None:
                yield self._resting(position)
            else:
                yield self._at(position, position.step, written[position.step])

    def exits(self) -> Iterator[Asked]:
        """Yield the exit conditions."""
        written = ((rule.name, rule.condition) for rule in self.version.definition.exits)
        return _asked(written, self.around, self._moment())

    def goals(self) -> Iterator[GoalState]:
        """Yield the goals, the journey's own first."""
        conditions = dict(self._goal_conditions())
        for goal in self.journey.goals:
            state, at = self._state_of(goal)
            yield GoalState(
                id=goal.id,
                name=goal.name,
                state=state,
                at=at,
                exits=goal.exits,
                clause=clause_of(conditions[goal.id], self.around, self._moment()),
            )

    def _goal_conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield them by the ids under which they are compiled."""
        definition = self.version.definition
        for goal in definition.goals:
            yield goal.id, goal.condition
        for step in definition.steps:
            if isinstance(step, PercentSplit):
                for split_goal in step.goals:
                    yield f"{step.id}.{split_goal.name}", split_goal.condition

    def _state_of(
        self, goal: CompiledGoal
    ) -> tuple[Literal["open", "reached", "met_at_entry", "not_asked"], int | None]:
        goals = self.instance.goals
        if goal.id in goals:
            return "reached", goals[goal.id]
        if met(goal) in goals:
            return "met_at_entry", goals[met(goal)]
        if goal.split and goal.split not in self.instance.paths:
            return "not_asked", None
        return "open", None

    def _moment(self, since: int = NEVER) -> Moment:
        moment = self.walk.moment(self.journey, self.instance)
        moment.step_since = since
        return moment

    def _resting(self, position: Position) -> Standing:
        hold = position.hold
        step = self.journey.steps.get(hold.step) if hold else None
        return Standing(
            step=None,
            name=step.name if step else "",
            type="rest",
            since=position.since,
            wakes_at=None,
            told=_told(position),
        )

    def _at(self, position: Position, id_: str, written: Step) -> Standing:
        step, moment = self.journey.steps[id_], self._moment(position.since)
        timeout = getattr(written, "timeout", None)
        return Standing(
            step=id_,
            name=step.name,
            type=step.type,
            since=position.since,
            wakes_at=step.turns(moment, position),
            timeout=timeout.after if timeout is not None else None,
            waits_for=tuple(_asked(written.waits_for(position), self.around, moment)),
            taken=tuple(position.taken) if isinstance(written, MultiBranchSplit) else (),
            told=_told(position),
        )


def _asked(
    conditions: Iterable[tuple[str, Condition]], around: Surroundings, moment: Moment
) -> Iterator[Asked]:
    for name, condition in conditions:
        yield Asked(name=name, clause=clause_of(condition, around, moment))


def _told(position: Position) -> Told | None:
    hold = position.hold
    return Told(step=hold.step, destinations=tuple(hold.destinations)) if hold else None


def _stands_still(walk: Walk, journey: str) -> Literal["held", "stopped", "stuck"] | None:
    if journey in walk.user.stuck:
        return "stuck"
    if journey in walk.journeys.stopped:
        return "stopped"
    return "held" if journey in walk.journeys.held else None
