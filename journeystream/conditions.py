"""What a condition means: compiled once at publishing, then asked many times.

The question and its laws are in `moments.py`; each kind of leaf has a file that says its own:
`event_leaves.py`, `ordered_leaves.py`, `trait_leaves.py`, `membership_leaves.py`. Here they are
joined.

Law: a group turns when it can. `all` that is false stays so at least until each of its false
parts has turned, and for ever when one of them never does; in the same way for `any`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo

from journeystream.computed_traits import ComputedTrait
from journeystream.condition_language import (
    AllOf,
    AnyOf,
    AudienceLeaf,
    Condition,
    EventLeaf,
    InactionLeaf,
    JourneyLeaf,
    ListLeaf,
    Not,
    SequenceLeaf,
    TraitLeaf,
)
from journeystream.event_leaves import compile_event_leaf
from journeystream.membership_leaves import compile_journey_leaf, compile_list_leaf
from journeystream.moments import (
    CompiledCondition,
    Moment,
    Predicate,
    ReadsEvents,
    earliest,
    flip,
    merge_predicates,
    never_turns,
)
from journeystream.ordered_leaves import compile_inaction, compile_sequence
from journeystream.trait_leaves import compile_trait_leaf

__all__ = [
    "CompiledCondition",
    "Moment",
    "Predicate",
    "ReadsEvents",
    "all_of",
    "compile_condition",
    "earliest",
    "flip",
    "merge_predicates",
    "never_turns",
]

Holds = Callable[[Moment], bool]
_NONE_COMPUTED: Mapping[str, ComputedTrait] = {}


def compile_condition(
    condition: Condition,
    zone: tzinfo,
    audiences: Mapping[str, Condition],
    computed: Mapping[str, ComputedTrait] = _NONE_COMPUTED,
    own: str = "",
) -> CompiledCondition:
    """Compile a validated condition; an audience leaf means the audience's own condition.

    `own` tells the facts of one journey from what others share (event_facts.py).
    """

    def compiled(part: Condition) -> CompiledCondition:
        return compile_condition(part, zone, audiences, computed, own)

    match condition:
        case AllOf():
            return _group([compiled(part) for part in condition.all], all)
        case AnyOf():
            return _group([compiled(part) for part in condition.any], any)
        case Not():
            return _opposite(compiled(condition.not_))
        case AudienceLeaf():
            return compiled(audiences[condition.audience])
        case TraitLeaf():
            return _group(compile_trait_leaf(condition, zone, computed), all)
    return _compile_leaf(condition, zone, own)


def all_of(parts: list[CompiledCondition]) -> CompiledCondition:
    """Return the condition that all of these, at least one, hold."""
    return _group(parts, all)


def _compile_leaf(
    leaf: EventLeaf | ListLeaf | JourneyLeaf | InactionLeaf | SequenceLeaf, zone: tzinfo, own: str
) -> CompiledCondition:
    match leaf:
        case EventLeaf():
            return compile_event_leaf(leaf, zone, own)
        case ListLeaf():
            return compile_list_leaf(leaf)
        case JourneyLeaf():
            return compile_journey_leaf(leaf, zone)
        case InactionLeaf():
            return compile_inaction(leaf, zone, own)
        case SequenceLeaf():
            return compile_sequence(leaf, zone, own)


def _opposite(inner: CompiledCondition) -> CompiledCondition:
    return replace(
        inner,
        holds=lambda moment: not inner.holds(moment),
        welcomes=inner.resents,
        resents=inner.welcomes,
    )


def _group(
    parts: list[CompiledCondition], join: Callable[[Iterable[bool]], bool]
) -> CompiledCondition:
    if len(parts) == 1:
        return parts[0]

    def union(name: str) -> frozenset[str]:
        return frozenset().union(*(getattr(part, name) for part in parts))

    return CompiledCondition(
        holds=_holds_of([part.holds for part in parts], decisive=join is any),
        turns=_turns_of(parts, decisive=join is any),
        predicates=merge_predicates(parts),
        welcomes=union("welcomes"),
        resents=union("resents"),
        traits=union("traits"),
        watched=union("watched"),
        entry_paths=union("entry_paths"),
        journeys=union("journeys"),
        lists=union("lists"),
    )


def _holds_of(asked: list[Holds], *, decisive: bool) -> Holds:
    """Return whether a group holds; one part with the `decisive` truth decides the group's."""
    # Asked for each event, and a loop costs a third of `any` over a generator.

    def holds_of_any(moment: Moment) -> bool:
        for holds in asked:  # noqa: SIM110  see above
            if holds(moment):
                return True
        return False

    def holds_of_all(moment: Moment) -> bool:
        for holds in asked:  # noqa: SIM110  see above
            if not holds(moment):
                return False
        return True

    return holds_of_any if decisive else holds_of_all


def _turns_of(parts: list[CompiledCondition], *, decisive: bool) -> Callable[[Moment], int | None]:
    """Return when a group may turn; one part with the `decisive` truth decides the group's."""
    steady = [part.holds for part in parts if part.turns is never_turns]
    turning = [(part.holds, part.turns) for part in parts if part.turns is not never_turns]
    if not turning:
        return never_turns

    def turns(moment: Moment) -> int | None:
        for holds in steady:
            if holds(moment) == decisive:
                return None
        first: int | None = None
        last: int | None = None
        for holds, turns_ in turning:
            turn = turns_(moment)
            if holds(moment) == decisive:
                if turn is None:
                    return None
                if last is None or turn > last:
                    last = turn
            elif turn is not None and (first is None or turn < first):
                first = turn
        return first if last is None else last

    return turns
