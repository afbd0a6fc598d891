"""Previewing: who would enter a journey if it was published now.

Laws:

1. It goes by what is known of users: of events what published journeys have counted, of changes
   of traits what they have watched. What nobody has kept can not be known. It is told which leaves
   that are, and nothing is guessed.
2. What can not be known makes a condition unknown only where the rest does not decide it: `all`
   with a false part is false, whatever the others are.
3. It is an estimate: events of before count here, as far as they are known. The journey will count
   those from its publishing on, unless it uses history. `at_once` says who enters by publishing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Literal

from journeystream.answers import Answer
from journeystream.clauses import parts_of
from journeystream.compiler import Workshop, surroundings_of
from journeystream.condition_language import (
    AllOf,
    AudienceLeaf,
    Condition,
    JourneyLeaf,
    Not,
    text_of,
)
from journeystream.conditions import CompiledCondition
from journeystream.definitions import JourneyDefinition
from journeystream.durations import parse_duration
from journeystream.entry_language import AfterExit, EveryTime
from journeystream.journeys import Journeys
from journeystream.moments import Moment
from journeystream.steps.contract import Surroundings
from journeystream.user import NEVER, User

SAMPLE = 20
Truth = Callable[[Moment], bool | None]


class Preview(Answer):
    """Who would enter a journey if it was published now."""

    journey: str
    """The journey's id."""
    enters_by: Literal["conditions", "trigger", "enrolment"]
    """What lets users in; a trigger's conditions only narrow down who reaches its step."""
    users: int
    """How many users were looked at: all that are known."""
    qualify: int
    """For how many all that entering asks is true now, and nothing keeps them out."""
    kept_out: int
    """How many meet it too, but are in the journey already, or may not enter it again."""
    unknown: int
    """For how many it can not be known."""
    at_once: int
    """How many of all users enter by the publishing itself, or at the first run after it."""
    sample: tuple[str, ...]
    """Some of those who qualify: the first ones by id."""
    unknown_leaves: tuple[str, ...]
    """The leaves that can not be known, because no published journey keeps what they ask for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a journey's entry means to one user; `holds` is None where it can not be known."""

    user_id: str
    holds: bool | None
    kept_out: bool
    at_once: bool


class Previewer:
    """One journey's entry, ready to be asked about any user.

    `workshop` has the audiences and computed traits that the journey may name, `journeys` are those
    that are published: what they keep is what is known.
    """

    def __init__(
        self, definition: JourneyDefinition, workshop: Workshop, journeys: Journeys
    ) -> None:
        self._definition = definition
        # What a version of its own would learn of the past is what others share, as far as it goes.
        self._around = around = replace(surroundings_of(definition, 0, workshop), own="")
        conditions = [condition for _, condition in definition.entry.conditions()]
        self._is_unknown = _unknown_in(around, journeys)
        self._truth = _all([_truth_of(each, around, self._is_unknown) for each in conditions])
        self._asked = [around.condition(each) for each in conditions]
        self._unknown = tuple(dict.fromkeys(self._unknown_leaves(conditions, around)))

    def judge(self, user: User, now: int) -> Judged:
        """Return what publishing it at `now` would mean to a user."""
        floor, now = now, max(now, user.clock)  # which never goes back, as in the engine
        holds, kept_out = self._truth(Moment(user, now)), self._keeps_out(user, now)
        at_once = not kept_out and self._has_a_run(now) and self._is_met(user)
        if at_once and self._definition.entry.use_history:
            at_once = holds is True
        elif at_once:
            # No event of before will count: that much is known of every leaf.
            at_once = all(each.holds(Moment(user, now, floor)) for each in self._asked)
        return Judged(user.id, holds, kept_out, at_once)

    def _has_a_run(self, now: int) -> bool:
        """Tell whether its schedule has a run to come, if it has one."""
        runs = self._definition.entry.schedule
        return runs is None or runs.next_after(now, self._around.zone) is not None

    def _keeps_out(self, user: User, now: int) -> bool:
        """Tell whether the user could not enter, whatever holds."""
        policy, id_ = self._definition.entry.reentry, self._definition.id
        if id_ in user.stuck:
            return True
        if not isinstance(policy, EveryTime) and any(
            each.journey == id_ for each in user.instances
        ):
            return True
        passes = user.passes.get(id_)
        if passes is None or not passes.entered:
            return False
        rest = policy.after_exit.cool_down if isinstance(policy, AfterExit) else None
        if rest and passes.left_at != NEVER:
            return now < parse_duration(rest).after(passes.left_at, self._around.zone)
        return policy == "never"

    def _is_met(self, user: User) -> bool:
        """Tell whether publishing looks at the user, who may qualify already."""
        entry, passes = self._definition.entry, user.passes.get(self._definition.id)
        was_in = passes is not None and passes.entered > 0
        everyone = entry.schedule is not None and entry.schedule.everyone
        return entry.use_history or everyone or (entry.already_in and not was_in)

    def preview(self, judged: Iterable[Judged]) -> Preview:
        """Count all users that were judged."""
        all_ = list(judged)
        qualify = [each.user_id for each in all_ if each.holds and not each.kept_out]
        return Preview(
            journey=self._definition.id,
            enters_by=self._cause(),
            users=len(all_),
            qualify=len(qualify),
            kept_out=sum(each.kept_out for each in all_ if each.holds),
            unknown=sum(each.holds is None and not each.kept_out for each in all_),
            at_once=sum(each.at_once for each in all_),
            sample=tuple(nsmallest(SAMPLE, qualify)),
            unknown_leaves=self._unknown,
        )

    def _cause(self) -> Literal["conditions", "trigger", "enrolment"]:
        entry = self._definition.entry
        if entry.by_name:
            return "enrolment"
        return "conditions" if entry.trigger is None else "trigger"

    def _unknown_leaves(
        self, conditions: Iterable[Condition], around: Surroundings
    ) -> Iterator[str]:
        for condition in conditions:
            parts = parts_of(condition, around)
            if parts:
                yield from self._unknown_leaves(parts, around)
            elif self._is_unknown(condition):
                yield text_of(condition)


# ── what can be known ────────────────────────────────────────────────────────────────────


def _unknown_in(around: Surroundings, journeys: Journeys) -> Callable[[Condition], bool]:
    """Return how to tell of a leaf whether anybody has kept what it asks for."""
    watched = {path for paths in journeys.watched.values() for path in paths}

    def is_unknown(leaf: Condition) -> bool:
        compiled = around.condition(leaf)
        return not (
            _is_counted(compiled, journeys)
            and compiled.watched <= watched
            and not (isinstance(leaf, JourneyLeaf) and _is_unnoted(leaf, journeys))
        )

    return is_unknown


def _is_counted(compiled: CompiledCondition, journeys: Journeys) -> bool:
    return all(
        id_ in journeys.predicates and journeys.predicates[id_].keep >= predicate.keep
        for id_, predicate in compiled.predicates.items()
    )


def _is_unnoted(leaf: JourneyLeaf, journeys: Journeys) -> bool:
    """Tell whether it asks when a journey was left, which is noted where somebody needs it."""
    head = journeys.heads.get(leaf.journey)
    rests = head is not None and head.cool_down is not None
    asks = leaf.is_ == "has_exited" and leaf.within is not None
    return asks and not rests and leaf.journey not in journeys.readers_of_journey


# ── truth that may be unknown ────────────────────────────────────────────────────────────


def _truth_of(
    condition: Condition, around: Surroundings, is_unknown: Callable[[Condition], bool]
) -> Truth:
    parts = [_truth_of(each, around, is_unknown) for each in parts_of(condition, around)]
    match condition:
        case AllOf():
            return _all(parts)
        case Not():
            return _not(parts[0])
        case AudienceLeaf():
            return parts[0]
    if parts:
        # Any of them is not none of them.
        return _not(_all([_not(each) for each in parts]))
    return (lambda _: None) if is_unknown(condition) else around.condition(condition).holds


def _not(part: Truth) -> Truth:
    def truth(moment: Moment) -> bool | None:
        found = part(moment)
        return None if found is None else not found

    return truth


def _all(parts: list[Truth]) -> Truth:
    def truth(moment: Moment) -> bool | None:
        unknown = False
        for part in parts:
            found = part(moment)
            if found is False:
                return False
            unknown = unknown or found is None
        return None if unknown else True

    return truth
