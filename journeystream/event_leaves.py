"""The event leaf: so many events in a window of time.

Law: it counts the instants that the user's facts keep for its predicate. A rolling window holds
the event of instant t from t until just before t + window. `since` counts what came strictly
after.

Facts are bounded: to tell "at least n" the n newest instants are enough, to tell "at most n"
n + 1 are. That number is the predicate's `keep`. (Months differ in length, so a window of months
looks at no more than these, whatever else is kept.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import tzinfo

from journeystream.durations import parse_duration
from journeystream.event_facts import facts_of
from journeystream.event_language import EventLeaf
from journeystream.moments import CompiledCondition, Moment, never_turns


def compile_event_leaf(leaf: EventLeaf, zone: tzinfo, own: str = "") -> CompiledCondition:
    """Return the leaf's condition."""
    fewest, most = leaf.bounds
    keep = fewest if most < 0 else most + 1
    kept = facts_of(leaf, keep, zone, leaf.dates, own)
    id_ = kept.predicate.id
    counted, expires = _counter(leaf, keep, zone), _expiry(leaf, keep, zone)

    def holds(moment: Moment) -> bool:
        # Asked for each event: plain facts are looked up here.
        facts = moment.user.facts.get(id_)
        count = counted(facts, moment) if facts else 0
        return count >= fewest and (most < 0 or count <= most)

    def holds_of_some(moment: Moment) -> bool:
        count = counted(kept.instants(moment), moment)
        return count >= fewest and (most < 0 or count <= most)

    def turns(moment: Moment) -> int | None:
        facts = kept.instants(moment)
        if not facts:
            return None
        count = counted(facts, moment)
        # The truth changes when the window holds fewer than so many.
        if 0 <= most < count:
            return expires(facts, moment, most + 1)
        return expires(facts, moment, fewest) if 0 < fewest <= count else None

    is_plain = kept.predicate.learn is None
    window = parse_duration(leaf.within) if leaf.within else None
    turning: Callable[[Moment], int | None] = never_turns if window is None else turns
    if window is not None and is_plain and not window.months:
        turning = _turns_of_plain(id_, leaf.bounds, window.micros)
    return CompiledCondition(
        holds=holds if is_plain else holds_of_some,
        turns=turning,
        predicates=kept.predicates,
        welcomes=frozenset((id_,) if fewest else ()),
        resents=frozenset((id_,) if most >= 0 else ()),
        entry_paths=kept.entry_paths,
    )


def _turns_of_plain(
    id_: str, bounds: tuple[int, int], micros: int
) -> Callable[[Moment], int | None]:
    """Return the same as above for plain facts and an exact window: asked for most events."""
    fewest, most = bounds

    def turns(moment: Moment) -> int | None:
        facts = moment.user.facts.get(id_)
        if not facts:
            return None
        start = moment.now - micros
        count = len(facts) - bisect_right(facts, max(moment.floor, start))
        if 0 <= most < count:
            return facts[-most - 1] + micros
        return facts[-fewest] + micros if 0 < fewest <= count else None

    return turns


def _counter(leaf: EventLeaf, keep: int, zone: tzinfo) -> Callable[[Sequence[int], Moment], int]:
    """Return how to count the facts that lie in the leaf's window."""
    if leaf.since == "entry":
        return lambda facts, moment: _after(facts, max(moment.floor, moment.entered_at))
    if leaf.since == "step":
        return lambda facts, moment: _after(facts, max(moment.floor, moment.step_since))
    if leaf.within is None:
        return lambda facts, moment: _after(facts, moment.floor)
    window = parse_duration(leaf.within)
    if not window.months:
        return lambda facts, moment: _after(facts, max(moment.floor, moment.now - window.micros))
    # Months differ in length: what came later can leave the window earlier.
    return lambda facts, moment: sum(
        fact > moment.floor and window.after(fact, zone) > moment.now for fact in facts[-keep:]
    )


def _expiry(
    leaf: EventLeaf, keep: int, zone: tzinfo
) -> Callable[[Sequence[int], Moment, int], int | None]:
    """Return how to find when fewer than so many facts will be left in the window."""
    if leaf.within is None:
        return lambda _facts, _moment, _left: None
    window = parse_duration(leaf.within)
    if not window.months:
        return lambda facts, _moment, left: facts[-left] + window.micros

    def expires(facts: Sequence[int], moment: Moment, left: int) -> int:
        ends = (window.after(fact, zone) for fact in facts[-keep:] if fact > moment.floor)
        return sorted(end for end in ends if end > moment.now)[-left]

    return expires


def _after(facts: Sequence[int], instant: int) -> int:
    return len(facts) - bisect_right(facts, instant)
