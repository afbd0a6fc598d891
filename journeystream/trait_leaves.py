"""The trait leaf: what a trait or a computed trait is, since when, and whether it changed.

Laws:

1. A trait's last change is noted when it is watched: some leaf asks for it. To be set for the
   first time is a change. It counts at the time of the event that brought it, but never before
   the change before it.
2. As events do, changes count from the instant on at which the partition learned of the journey.
   What never changed since has been so since then, or since the user is known.
3. Only the last change is known: `changed_to` asks whether that one led to the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo

from journeystream.comparisons import at_path, compile_comparison, same
from journeystream.computed_traits import ComputedTrait
from journeystream.condition_language import TraitLeaf
from journeystream.date_comparisons import Timed, compile_dated
from journeystream.durations import Duration, parse_duration
from journeystream.moments import CompiledCondition, Moment, earliest, never_turns
from journeystream.user import NEVER

Holds = Callable[[Moment], bool]
Turns = Callable[[Moment], int | None]
_PARTS = 2


def compile_trait_leaf(
    leaf: TraitLeaf, zone: tzinfo, computed: Mapping[str, ComputedTrait]
) -> list[CompiledCondition]:
    """Return conditions that must all hold: the value's, the last change's, the time since."""
    if leaf.computed is not None:
        return [_computed(leaf, computed[leaf.computed], zone)]
    found = []
    if leaf.compares():
        found.append(_compared(leaf, zone))
    if leaf.asks_for_change:
        found.append(_changed(leaf, zone))
    if leaf.for_ is not None:
        found.append(_has_been(leaf, parse_duration(leaf.for_), zone))
    return found


def _compared(leaf: TraitLeaf, zone: tzinfo) -> CompiledCondition:
    path = leaf.trait.split(".")
    traits = frozenset(path[:1])
    timed = compile_dated(leaf, zone)
    if timed is None:
        test = compile_comparison(leaf)
        return CompiledCondition(
            holds=lambda moment: test(at_path(moment.user.traits, path)),
            turns=never_turns,
            traits=traits,
        )
    return CompiledCondition(
        holds=lambda moment: timed.test(at_path(moment.user.traits, path), moment.now),
        turns=lambda moment: timed.turns(at_path(moment.user.traits, path), moment.now),
        traits=traits,
    )


def _computed(leaf: TraitLeaf, trait: ComputedTrait, zone: tzinfo) -> CompiledCondition:
    inside = leaf.trait.split(".")[_PARTS:]
    timed = compile_dated(leaf, zone) or _untimed(leaf)

    def value(moment: Moment) -> object:
        return at_path(trait.value(moment), inside)

    return CompiledCondition(
        holds=lambda moment: timed.test(value(moment), moment.now),
        turns=lambda moment: earliest(
            (trait.turns(moment), timed.turns(value(moment), moment.now))
        ),
        predicates=trait.predicates,
        welcomes=frozenset(trait.predicates),
        resents=frozenset(trait.predicates),
    )


def _untimed(leaf: TraitLeaf) -> Timed:
    test = compile_comparison(leaf)
    return Timed(lambda value, _now: test(value), lambda _value, _now: None)


def _changed(leaf: TraitLeaf, zone: tzinfo) -> CompiledCondition:
    wanted, path = leaf.changed_to, leaf.trait.split(".")
    window = parse_duration(leaf.within) if leaf.within else None
    lately, turns = _lately(leaf, window, zone)

    def holds(moment: Moment) -> bool:
        changed = lately(moment)
        if leaf.changed is not None and changed != leaf.changed:
            return False
        value = at_path(moment.user.traits, path)
        return wanted is None or (changed and same(value, wanted))

    return CompiledCondition(
        holds=holds,
        turns=turns if window is not None else never_turns,
        traits=frozenset(path[:1]),
        watched=frozenset((leaf.trait,)),
    )


def _lately(leaf: TraitLeaf, window: Duration | None, zone: tzinfo) -> tuple[Holds, Turns]:
    """Return whether the last change lies in the leaf's window, and when it leaves it."""
    trait, since = leaf.trait, leaf.since

    def last(moment: Moment) -> int:
        floor = moment.floor
        if since is not None:
            floor = max(floor, moment.entered_at if since == "entry" else moment.step_since)
        at = moment.user.changed.get(trait, NEVER)
        return at if at > floor else NEVER

    def holds(moment: Moment) -> bool:
        at = last(moment)
        return at != NEVER and (window is None or moment.now < window.after(at, zone))

    def turns(moment: Moment) -> int | None:
        at = last(moment)
        if at == NEVER or window is None:
            return None
        end = window.after(at, zone)
        return end if end > moment.now else None

    return holds, turns


def _has_been(leaf: TraitLeaf, span: Duration, zone: tzinfo) -> CompiledCondition:
    wanted, path = leaf.has_been, leaf.trait.split(".")

    def since(moment: Moment) -> int:
        at = moment.user.changed.get(leaf.trait, NEVER)
        return at if at > moment.floor else max(moment.floor, moment.user.known_since)

    def is_so(moment: Moment) -> bool:
        return same(at_path(moment.user.traits, path), wanted)

    def holds(moment: Moment) -> bool:
        return is_so(moment) and span.after(since(moment), zone) <= moment.now

    def turns(moment: Moment) -> int | None:
        if not is_so(moment):
            return None
        begin = span.after(since(moment), zone)
        return begin if begin > moment.now else None

    return CompiledCondition(
        holds=holds,
        turns=turns,
        traits=frozenset(path[:1]),
        watched=frozenset((leaf.trait,)),
    )
