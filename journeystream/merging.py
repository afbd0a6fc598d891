"""Merging: what is known of a user under another id joins what is known of them.

Laws:

1. Events count as if one user had done them all: of facts and values those of both are kept, as
   many as anybody asks for.
2. Of a trait that both have the user's own stays; the others fill in. What a trait is and when it
   last changed go together.
3. A list has the user since the earlier time. The message ids of both are repeats, and the sends of
   both count for caps.
4. Passes add up; the last exit and the last time of a goal are the later ones. Whether an entry
   condition held is the user's own; `adopting.py` looks at it anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from journeystream.calendars.caps import MOST_SENT
from journeystream.journeys import Journeys
from journeystream.profile import fill_in
from journeystream.repeats import Memory
from journeystream.user import NEVER, Passes, User

MOST_CLAIMED = 100


def merge(user: User, other: User, journeys: Journeys, memory: Memory) -> None:
    """Let all that is known of another id, but its instances, be known of the user.

    The other's record is used up: the user may keep parts of it.
    """
    _merge_facts(user, other, journeys)
    fill_in(user, other.traits, other.changed)
    user.known_since = _earlier(user.known_since, other.known_since)
    for list_, since in other.lists.items():
        user.lists[list_] = min(since, user.lists.get(list_, since))
    for scope, sent in other.sent.items():
        user.sent[scope] = sorted([*user.sent.get(scope, ()), *sent])[-MOST_SENT:]
    seen = sorted({**other.seen, **user.seen}.items(), key=lambda each: each[1])
    user.seen = dict(seen[-memory.ids :])
    for journey, passes in other.passes.items():
        if journey in user.passes:
            _add(user.passes[journey], passes)
        else:
            user.passes[journey] = passes
    user.claimed = list(dict.fromkeys([*other.claimed, *user.claimed]))[-MOST_CLAIMED:]


def _merge_facts(user: User, other: User, journeys: Journeys) -> None:
    for id_, facts in other.facts.items():
        own, predicate = user.facts.get(id_, []), journeys.predicates.get(id_)
        # Of what nobody asks for any more it does not matter how much is kept.
        keep = predicate.keep if predicate is not None else max(len(own), len(facts))
        user.facts[id_] = sorted([*own, *facts])[-keep:]
    for id_, values in other.values.items():
        predicate = journeys.predicates.get(id_)
        if predicate is not None and predicate.join is not None:
            predicate.join(user.values.setdefault(id_, []), values)
        else:
            user.values.setdefault(id_, values)


def _add(passes: Passes, others: Passes) -> None:
    passes.entered += others.entered
    for label, times in others.exits.items():
        passes.exits[label] = passes.exits.get(label, 0) + times
    passes.left_at = max(passes.left_at, others.left_at)
    passes.goals = _latest(passes.goals, others.goals)


def _latest(own: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    return {**own, **{name: max(at, own.get(name, at)) for name, at in others.items()}}


def _earlier(first: int, second: int) -> int:
    """Return the earlier of two instants, of which NEVER is none."""
    known = [each for each in (first, second) if each != NEVER]
    return min(known, default=NEVER)
