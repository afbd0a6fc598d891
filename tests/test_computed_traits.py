"""Computed traits against what they are of the whole list of events, asked at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.comparisons import MISSING
from journeystream.computed_traits import Computation, ComputedTrait, compile_computation
from journeystream.computing import MOST_VALUES
from journeystream.conditions import Moment, compile_condition, flip
from journeystream.events import Event
from journeystream.journeys import Journeys
from journeystream.merging import merge
from journeystream.repeats import Memory
from journeystream.user import User
from tests.strategies import DAY, HOUR, MINUTE, START
from tests.test_condition_text import read

laws = settings(deadline=None, max_examples=200)
WINDOWS = {None: None, "3 hours": 3 * HOUR, "1 day": DAY}
COMPUTES = (
    "count",
    "sum",
    "average",
    "min",
    "max",
    "first",
    "last",
    "most_frequent",
    "unique_list",
    "unique_count",
)
_values = st.sampled_from((1, 2, 2.5, 0.1, -7, 1.0, True, "a", "b", None, [1], "x" * 600))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Draw events with values of every kind, some of them late, no two at the same instant."""
    at, log = START, []
    for index in range(draw(st.integers(1, 14))):
        at += draw(st.sampled_from((MINUTE, HOUR, 5 * HOUR)))
        late = draw(st.sampled_from((0, 0, HOUR, DAY)))
        properties = {"v": draw(_values)} if draw(st.integers(0, 4)) else {}
        log.append(Event("u1", "track", "a", at - late + index, properties))
    return log


def trait_of(compute: str, within: str | None, of: str | None = "v") -> ComputedTrait:
    """Compile a computed trait of event a."""
    written = {"event": "a", "compute": compute, "of": of, "within": within}
    return compile_computation("t", Computation.model_validate(written), UTC)


def learned(trait: ComputedTrait, log: Sequence[Event]) -> User:
    """Return what the engine keeps of the events, written and read as state is."""
    user = User("u1")
    for event in log:
        for id_, predicate in trait.predicates.items():
            if not predicate.matches(event):
                continue
            if predicate.learn is not None:
                valued = user.values.setdefault(id_, [])
                predicate.learn(valued, event.at, event)
                stored = orjson.loads(orjson.dumps(valued))
                user.values[id_] = [(at, value) for at, value in stored]
            else:
                user.facts[id_] = sorted([*user.facts.get(id_, []), event.at])[-predicate.keep :]
    return user


def key(value: object) -> tuple[bool, object]:
    """Tell true from 1."""
    return isinstance(value, bool), value


def expected(compute: str, log: Sequence[Event], now: int, window: int | None) -> object:
    """Compute plainly from all events."""
    numbers = compute in ("sum", "average", "min", "max")
    found = [
        (event.at, event.properties["v"])
        for event in sorted(log, key=lambda event: event.at)
        if (window is None or event.at + window > now)
        and isinstance(value := event.properties.get("v"), int | float | str)
        and not (isinstance(value, bool | str) and numbers)
        and not (isinstance(value, str) and len(value) > 512)
    ]
    values = [value for _, value in found]
    unique: list[Any] = []
    for value in reversed(values):
        if key(value) not in map(key, unique):
            unique.insert(0, value)
    total = sum((Fraction(repr(value)) for value in values if numbers), Fraction(0))
    simple: dict[str, Any] = {
        "count": len(values),
        "sum": float(total),
        "unique_list": unique,
        "unique_count": len(unique),
    }
    if compute in simple:
        return simple[compute]
    if not values:
        return MISSING
    if compute == "average":
        return float(total / len(values))
    if compute == "most_frequent":
        counts = Counter(key(value) for value in values)
        return max(reversed(unique), key=lambda value: counts[key(value)])
    tell: dict[str, Any] = {
        "min": min,
        "max": max,
        "first": lambda v: v[0],
        "last": lambda v: v[-1],
    }
    return tell[compute](values)


@pytest.mark.parametrize("within", WINDOWS)
@pytest.mark.parametrize("compute", COMPUTES)
def test_it_is_that_of_the_whole_history(compute: str, within: str | None) -> None:
    """What is kept is enough to tell the value at any later time, and when it may change."""
    trait, window = trait_of(compute, within), WINDOWS[within]

    @laws
    @given(histories(), st.integers(0, 30 * HOUR), st.integers(0, 30 * HOUR))
    def law(log: list[Event], later: int, more: int) -> None:
        user = learned(trait, log)
        before = deepcopy(user)
        now = max(event.at for event in log) + later
        value = trait.value(Moment(user, now))
        assert value == expected(compute, log, now, window)
        turn = trait.turns(Moment(user, now))
        until = now + more if turn is None else min(now + more, turn - 1)
        assert expected(compute, log, until, window) == value
        if turn is not None:
            assert turn > now
            assert trait.value(Moment(user, turn)) == expected(compute, log, turn, window)
        assert user == before

    law()


@pytest.mark.parametrize("within", WINDOWS)
@pytest.mark.parametrize("compute", COMPUTES)
def test_what_two_ids_have_adds_up(compute: str, within: str | None) -> None:
    """Kept of some events by one id and of the others by another, it is that of them all."""
    trait, window = trait_of(compute, within), WINDOWS[within]
    journeys = Journeys(computed={"t": trait})

    @laws
    @given(histories(), st.sets(st.integers(0, 13)), st.integers(0, 30 * HOUR))
    def law(log: list[Event], others: set[int], later: int) -> None:
        own = [event for index, event in enumerate(log) if index not in others]
        user = learned(trait, own)
        merge(
            user,
            learned(trait, [event for index, event in enumerate(log) if index in others]),
            journeys,
            Memory(),
        )
        now = max(event.at for event in log) + later
        assert trait.value(Moment(user, now)) == expected(compute, log, now, window)

    law()


@laws
@given(histories(), st.sampled_from(("3 hours", None)))
def test_a_count_needs_no_property(log: list[Event], within: str | None) -> None:
    """Without `of` every event counts."""
    trait, window = trait_of("count", within, of=None), WINDOWS[within]
    now = max(event.at for event in log)
    inside = [event for event in log if window is None or event.at + window > now]
    assert trait.value(Moment(learned(trait, log), now)) == len(inside)


def test_sums_are_exact_for_any_number_of_events() -> None:
    """Ten thousand times 0.1 are 1000; what is kept does not grow."""
    trait = trait_of("sum", None)
    user = User("u1")
    for index in range(10_000):
        event = Event("u1", "track", "a", START + index, {"v": 0.1})
        [(id_, predicate)] = trait.predicates.items()
        assert predicate.learn is not None
        predicate.learn(user.values.setdefault(id_, []), event.at, event)
    assert trait.value(Moment(user, START + DAY)) == 1_000
    assert len(orjson.dumps(user.values)) < 100


def test_far_numbers_are_added_too() -> None:
    """The greatest and the smallest numbers of JSON have a sum that is a number of JSON."""
    values = (1.7e308, 1.7e308, 5e-324, (1 << 63) - 1, -(1 << 63))
    log = [
        Event("u1", "track", "a", START + index, {"v": value}) for index, value in enumerate(values)
    ]
    for within in WINDOWS:
        trait = trait_of("sum", within)
        value = trait.value(Moment(learned(trait, log), START + HOUR))
        assert orjson.loads(orjson.dumps(value)) == pytest.approx(1.797e308, rel=1e-3)


@pytest.mark.parametrize("within", WINDOWS)
@pytest.mark.parametrize("compute", COMPUTES)
def test_what_is_kept_is_bounded(compute: str, within: str | None) -> None:
    """However many values there are, a bounded number is kept, and it still has a value."""
    trait = trait_of(compute, within)
    user = User("u1")
    for index in range(3 * MOST_VALUES):
        event = Event("u1", "track", "a", START + index, {"v": -index})
        for id_, predicate in trait.predicates.items():
            assert predicate.learn is not None
            predicate.learn(user.values.setdefault(id_, []), event.at, event)
    assert all(len(valued) <= MOST_VALUES for valued in user.values.values())
    assert trait.value(Moment(user, START + HOUR)) is not MISSING


@settings(laws, max_examples=500)
@given(
    histories(),
    st.sampled_from(("count", "sum", "max", "last", "unique_count")),
    st.sampled_from((*WINDOWS, "3 hours")),
    st.integers(-1, 4),
)
def test_a_trait_leaf_asks_for_it(
    log: list[Event], compute: str, within: str | None, least: int
) -> None:
    """`trait: computed.ID` compares its value, and turns at the first instant of another truth."""
    trait, window = trait_of(compute, within), WINDOWS[within]
    leaf = read({"trait": "computed.t", "at_least": least})
    condition = compile_condition(leaf, UTC, {}, {"t": trait})
    user = learned(trait, log)
    now = max(event.at for event in log)

    def holds(at: int) -> bool:
        value = expected(compute, log, at, window)
        return isinstance(value, int | float) and key(value) >= (False, least) and value is not True

    assert condition.holds(Moment(user, now)) == holds(now)
    ends = sorted(event.at + window for event in log) if window else []
    changes = [end for end in ends if end > now and holds(end) != holds(now)]
    assert flip(condition, Moment(user, now)) == min(changes, default=None)
    assert condition.predicates == trait.predicates


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"event": "a", "compute": "sum"}, "sum needs `of`"),
        ({"compute": "count"}, "name exactly one of"),
        ({"event": "a", "compute": "median", "of": "v"}, "'count', 'sum'"),
        ({"event": "a", "compute": "count", "within": "soon"}, "is no duration"),
        ({"event": "a", "compute": "count", "where": {"n": {"equals_entry": "n"}}}, "has entered"),
    ],
)
def test_what_can_not_be_computed_is_refused(written: dict[str, Any], said: str) -> None:
    """A computation that could not be made is refused, with what to write."""
    with pytest.raises(ValidationError, match=said):
        Computation.model_validate(written)
