"""The leaves about the order of events: inaction (one, and not another) and sequence.

Laws:

1. Inaction is true from the instant at which the time `within` is over after a `did` that no
   `without` followed in time, until the user does a `did` again after that instant: then
   their time begins anew. What comes at the last instant itself comes too late.
2. A sequence is true from its last event on, when each event came strictly after the one before,
   and the last one before the first one's time `within` was over. It stays true.
3. Both look at the 100 newest events of each kind, whatever else is kept. `since` leaves out
   what came before the entry or the arrival at the step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import tzinfo

from journeystream.durations import parse_duration
from journeystream.event_facts import Facts, facts_of
from journeystream.event_language import MOST_LOOKED_AT, InactionLeaf, SequenceLeaf
from journeystream.moments import CompiledCondition, Moment, merge_predicates, never_turns

Instants = Callable[[Moment], Sequence[int]]


def compile_inaction(leaf: InactionLeaf, zone: tzinfo, own: str = "") -> CompiledCondition:
    """Return the leaf's condition."""
    asked = leaf.inaction
    did, without = (
        facts_of(each, MOST_LOOKED_AT, zone, own=own) for each in (asked.did, asked.without)
    )
    begun, ended = (_newest(facts, asked.since) for facts in (did, without))
    window = parse_duration(asked.within)

    def ends(moment: Moment) -> list[int]:
        """Return when the time of each `did` is over that waits, or waited, in vain."""
        begins, stops = begun(moment), ended(moment)
        found = []
        for begin in begins:
            end = window.after(begin, zone)
            stop = bisect_right(stops, begin)
            in_vain = stop == len(stops) or stops[stop] >= end
            if in_vain and begins[-1] < end:
                found.append(end)
        return found

    def holds(moment: Moment) -> bool:
        return any(end <= moment.now for end in ends(moment))

    def turns(moment: Moment) -> int | None:
        first = min(ends(moment), default=None)
        return first if first is not None and first > moment.now else None

    return CompiledCondition(
        holds=holds,
        turns=turns,
        predicates=merge_predicates([did, without]),
        entry_paths=did.entry_paths | without.entry_paths,
        welcomes=frozenset((did.predicate.id,)),
        resents=frozenset((did.predicate.id, without.predicate.id)),
    )


def compile_sequence(leaf: SequenceLeaf, zone: tzinfo, own: str = "") -> CompiledCondition:
    """Return the leaf's condition."""
    kept = [facts_of(each, MOST_LOOKED_AT, zone, own=own) for each in leaf.sequence]
    steps = [_newest(facts, leaf.since) for facts in kept]
    window = parse_duration(leaf.within) if leaf.within else None

    def holds(moment: Moment) -> bool:
        first, *others = (step(moment) for step in steps)
        # From each beginning, whatever comes next at the earliest leaves the most time.
        return any(
            (end := _followed(begin, others)) is not None
            and (window is None or end < window.after(begin, zone))
            for begin in reversed(first)
        )

    return CompiledCondition(
        holds=holds,
        turns=never_turns,
        predicates=merge_predicates(kept),
        entry_paths=frozenset().union(*(facts.entry_paths for facts in kept)),
        welcomes=frozenset((kept[-1].predicate.id,)),
    )


def _followed(instant: int, steps: Sequence[Sequence[int]]) -> int | None:
    """Return when the last of the steps came, one after the other after the instant."""
    for step in steps:
        place = bisect_right(step, instant)
        if place == len(step):
            return None
        instant = step[place]
    return instant


def _newest(facts: Facts, since: str | None) -> Instants:
    """Return how to find the newest events that count."""

    def instants(moment: Moment) -> Sequence[int]:
        floor = moment.floor
        if since is not None:
            floor = max(floor, moment.entered_at if since == "entry" else moment.step_since)
        found = facts.instants(moment)[-MOST_LOOKED_AT:]
        return found[bisect_right(found, floor) :]

    return instants
