"""The question that a condition is asked, and what answers it.

Laws:

1. A condition is asked at a *moment*: one user, one instant, and where they stand. It reads
   nothing else, never raises, and changes nothing.
2. Only what a partition applied after it had learned of a journey counts for that journey
   (`floor`), so that what other journeys happen to keep can not change its truth.
3. `turns` names an instant before which time alone does not change the truth, or None when it
   never does. `flip` walks those instants to the one at which the truth does change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from journeystream.events import Event
from journeystream.user import NEVER, Instance, User

# An instant, and whatever a leaf keeps beside it: JSON.
Valued = list[tuple[int, Any]]
_NONE: frozenset[str] = frozenset()
# Facts run out of windows and are gone, but calendars come round for ever.
_MOST_TURNS = 100


@dataclass(slots=True)
class Moment:
    """The question's context: a user at an instant, in a journey, at a step.

    `entry` holds the properties of the event that opened the `instance`, if there is one.
    """

    user: User
    now: int
    floor: int = NEVER
    entered_at: int = NEVER
    step_since: int = NEVER
    entry: Mapping[str, object] = field(default_factory=dict)
    instance: Instance | None = None


@dataclass(frozen=True, slots=True)
class Predicate:
    """Which events count for a leaf. Equal predicates share an id, and so their facts.

    Of most predicates a user's facts keep the `keep` newest instants. One with `learn` keeps
    values instead: `learn` changes the user's `values` of it for an event that came at an instant,
    `join` adds those that were learnt under another id of the user.
    """

    id: str
    kind: str
    name: str
    matches: Callable[[Event], bool]
    keep: int
    learn: Callable[[Valued, int, Event], None] | None = None
    join: Callable[[Valued, Valued], None] | None = None


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition ready to be asked, and all that can change its truth besides time.

    `predicates` are the events that it reads, `welcomes` the ids of those whose arrival can
    make it true, `resents` of those that can make it false; `traits` are the top-level traits
    that it reads, `watched` the paths of traits whose last change must be noted; `entry_paths`
    the entry event's properties, `journeys` the ids of the journeys and `lists` those of the
    lists that it reads.
    """

    holds: Callable[[Moment], bool]
    turns: Callable[[Moment], int | None]
    predicates: Mapping[str, Predicate] = field(default_factory=dict)
    welcomes: frozenset[str] = _NONE
    resents: frozenset[str] = _NONE
    traits: frozenset[str] = _NONE
    watched: frozenset[str] = _NONE
    entry_paths: frozenset[str] = _NONE
    journeys: frozenset[str] = _NONE
    lists: frozenset[str] = _NONE


def flip(condition: CompiledCondition, moment: Moment) -> int | None:
    """Return the next instant at which time alone changes the truth, or None.

    After a hundred turns that change nothing (two birthdays that never meet) it returns the
    last one: then it is time to ask again.
    """
    if condition.turns is never_turns:
        return None
    now, truth = moment.now, condition.holds(moment)
    try:
        for _ in range(_MOST_TURNS):
            turn = condition.turns(moment)
            if turn is None:
                return None
            moment.now = turn
            if condition.holds(moment) != truth:
                return turn
        return moment.now
    finally:
        moment.now = now


def never_turns(_: Moment) -> int | None:
    """Return None: time alone never changes the truth."""
    return None


def earliest(instants: Iterable[int | None]) -> int | None:
    """Return the earliest of the instants that are there."""
    first = None
    for instant in instants:
        if instant is not None and (first is None or instant < first):
            first = instant
    return first


class ReadsEvents(Protocol):
    """Whatever depends on event predicates: a condition, or a whole journey."""

    @property
    def predicates(self) -> Mapping[str, Predicate]:
        """The predicates by id."""


def merge_predicates(readers: Iterable[ReadsEvents]) -> dict[str, Predicate]:
    """Join the predicates of many readers, each keeping what its neediest leaf needs."""
    merged: dict[str, Predicate] = {}
    for reader in readers:
        for id_, predicate in reader.predicates.items():
            known = merged.get(id_)
            if known is None or known.keep < predicate.keep:
                merged[id_] = predicate
    return merged
