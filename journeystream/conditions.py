"""What a condition means: compiled once at publishing, then asked many times.

Laws:

1. A condition is asked at a *moment*: one user, one instant, and where they stand. It reads
   nothing else, never raises, and changes nothing.
2. An event leaf counts the instants that the user's facts keep for its predicate. A rolling
   window holds the event of instant t from t until just before t + window. `since` counts
   what came strictly after.
3. Only what a partition applied after it had learned of a journey counts for that journey
   (`floor`), so that what other journeys happen to keep can not change its truth.
4. `turns` names the next instant at which time alone may change the truth, so nothing polls.
   `flip` walks those instants to the one at which the truth does change.

Facts are bounded: to tell "at least n" the n newest instants are enough, to tell "at most n"
n + 1 are. That number is the predicate's `keep`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Protocol

import orjson

from journeystream.comparisons import MISSING, Comparison, Test, at_path, compile_comparison
from journeystream.condition_language import (
    AllOf,
    AnyOf,
    AudienceLeaf,
    Condition,
    EventLeaf,
    Not,
    TraitLeaf,
)
from journeystream.durations import parse_duration
from journeystream.effects import stable_id
from journeystream.events import Event
from journeystream.user import NEVER, Instance, User


@dataclass(slots=True)
class Moment:
    """The question's context: a user at an instant, in a journey (an instance of it), at a step."""

    user: User
    now: int
    floor: int = NEVER
    entered_at: int = NEVER
    step_since: int = NEVER
    instance: Instance | None = None


@dataclass(frozen=True, slots=True)
class Predicate:
    """Which events count for a leaf. Equal predicates share an id, and so their facts."""

    id: str
    kind: str
    name: str
    matches: Callable[[Event], bool]
    keep: int


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition ready to be asked.

    `predicates` are the events that can change its truth, `welcomes` the ids of those whose
    arrival can make it true, `resents` of those that can make it false; `traits` are the
    top-level traits that it reads.
    """

    holds: Callable[[Moment], bool]
    turns: Callable[[Moment], int | None]
    predicates: Mapping[str, Predicate]
    welcomes: frozenset[str]
    resents: frozenset[str]
    traits: frozenset[str]


def compile_condition(
    condition: Condition, zone: tzinfo, audiences: Mapping[str, Condition]
) -> CompiledCondition:
    """Compile a validated condition; an audience leaf means the audience's own condition."""
    match condition:
        case AllOf():
            return _group([compile_condition(part, zone, audiences) for part in condition.all], all)
        case AnyOf():
            return _group([compile_condition(part, zone, audiences) for part in condition.any], any)
        case Not():
            inner = compile_condition(condition.not_, zone, audiences)
            return replace(
                inner,
                holds=lambda moment: not inner.holds(moment),
                welcomes=inner.resents,
                resents=inner.welcomes,
            )
        case EventLeaf():
            return _event_leaf(condition, zone)
        case TraitLeaf():
            return _trait_leaf(condition)
        case AudienceLeaf():
            return compile_condition(audiences[condition.audience], zone, audiences)


def flip(condition: CompiledCondition, moment: Moment) -> int | None:
    """Return the next instant at which time alone changes the truth, or None.

    It ends: every turn is later than the one before, and there are no more turns than
    facts that are kept.
    """
    if condition.turns is never_turns:
        return None
    now, truth = moment.now, condition.holds(moment)
    try:
        while (turn := condition.turns(moment)) is not None:
            moment.now = turn
            if condition.holds(moment) != truth:
                return turn
    finally:
        moment.now = now
    return None


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


def _group(
    parts: list[CompiledCondition], join: Callable[[Iterable[bool]], bool]
) -> CompiledCondition:
    if len(parts) == 1:
        return parts[0]
    asked = [part.holds for part in parts]
    turning = [part.turns for part in parts if part.turns is not never_turns]
    return CompiledCondition(
        holds=lambda moment: join(holds(moment) for holds in asked),
        turns=(lambda moment: earliest(turns(moment) for turns in turning))
        if turning
        else never_turns,
        predicates=merge_predicates(parts),
        welcomes=frozenset().union(*(part.welcomes for part in parts)),
        resents=frozenset().union(*(part.resents for part in parts)),
        traits=frozenset().union(*(part.traits for part in parts)),
    )


def _trait_leaf(leaf: TraitLeaf) -> CompiledCondition:
    path = leaf.trait.split(".")
    test = compile_comparison(leaf)
    return CompiledCondition(
        holds=lambda moment: test(at_path(moment.user.traits, path)),
        turns=never_turns,
        predicates={},
        welcomes=frozenset(),
        resents=frozenset(),
        traits=frozenset(path[:1]),
    )


def _event_leaf(leaf: EventLeaf, zone: tzinfo) -> CompiledCondition:
    fewest, most = leaf.bounds
    predicate = _predicate(leaf, keep=fewest if most < 0 else most + 1)
    id_ = predicate.id
    counted = _counter(leaf, zone)
    expires = _expiry(leaf, zone)

    def holds(moment: Moment) -> bool:
        facts = moment.user.facts.get(id_)
        count = counted(facts, moment) if facts else 0
        return count >= fewest and (most < 0 or count <= most)

    def turns(moment: Moment) -> int | None:
        facts = moment.user.facts.get(id_)
        return expires(facts, moment) if facts else None

    return CompiledCondition(
        holds=holds,
        turns=turns if leaf.within else never_turns,
        predicates={id_: predicate},
        welcomes=frozenset((id_,) if fewest else ()),
        resents=frozenset((id_,) if most >= 0 else ()),
        traits=frozenset(),
    )


def _counter(leaf: EventLeaf, zone: tzinfo) -> Callable[[list[int], Moment], int]:
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
        fact > moment.floor and window.after(fact, zone) > moment.now for fact in facts
    )


def _expiry(leaf: EventLeaf, zone: tzinfo) -> Callable[[list[int], Moment], int | None]:
    """Return how to find the next instant at which a fact leaves the leaf's window."""
    if leaf.within is None:
        return lambda _facts, _moment: None
    window = parse_duration(leaf.within)
    if not window.months:

        def expires_exactly(facts: list[int], moment: Moment) -> int | None:
            index = bisect_right(facts, max(moment.floor, moment.now - window.micros))
            return facts[index] + window.micros if index < len(facts) else None

        return expires_exactly

    def expires(facts: list[int], moment: Moment) -> int | None:
        ends = (window.after(fact, zone) for fact in facts if fact > moment.floor)
        return min((end for end in ends if end > moment.now), default=None)

    return expires


def _after(facts: list[int], instant: int) -> int:
    return len(facts) - bisect_right(facts, instant)


def _predicate(leaf: EventLeaf, keep: int) -> Predicate:
    kind, name = leaf.kind_and_name
    after, before = leaf.dates
    where = leaf.model_dump(mode="json", by_alias=True, exclude_none=True)["where"]
    written = orjson.dumps(where, option=orjson.OPT_SORT_KEYS).decode()
    tests = [_property_test(path, wanted) for path, wanted in leaf.where.items()]
    if after is not None:
        tests.append(lambda event: event.at >= after)
    if before is not None:
        tests.append(lambda event: event.at < before)
    return Predicate(
        id=stable_id(kind, name, written, str(after), str(before))[:12],
        kind=kind,
        name=name,
        matches=_all_pass(tests),
        keep=keep,
    )


def _all_pass(tests: list[Callable[[Event], bool]]) -> Callable[[Event], bool]:
    if not tests:
        return lambda _: True
    if len(tests) == 1:
        return tests[0]
    return lambda event: all(test(event) for test in tests)


def _property_test(path: str, wanted: object) -> Callable[[Event], bool]:
    comparison = wanted if isinstance(wanted, Comparison) else Comparison(equals=wanted)
    test: Test = compile_comparison(comparison)
    names = path.split(".")
    if names[0] == "context" and len(names) > 1:
        inside = names[1:]
        return lambda event: test(at_path(event.context, inside))

    def passes(event: Event) -> bool:
        value = event.properties.get(path, MISSING)
        return test(value if value is not MISSING else at_path(event.properties, names))

    return passes
