"""Computed traits: a number, a value or a list that is made of a user's events.

Laws:

1. A computed trait counts from its publishing on, for itself: what other leaves keep does not
   matter. Late events count at their own time.
2. Ever: `count`, `sum`, `average`, `min`, `max`, `first` and `last` are exact for any number of
   events; what is kept is their result so far. Numbers are added as they are written: 0.1 and
   0.2 make 0.3.
3. In a rolling window: `last`, `min` and `max` are exact (only what can still become the
   result is kept, at most 500 values); the others look at the 500 newest events, `count` without
   `of` at the 1,000 newest. `turns` names the instant at which the next event leaves the window.
4. `unique_list`, `unique_count` and `most_frequent` know the 500 values that came last; ever,
   of most_frequent the rarest goes. What came last decides between equally frequent ones, and
   stands at the end of a list.
5. Values are texts of up to 512 characters, numbers, true and false; other events do not count.
   Without any, `count`, `sum` and `unique_count` are 0, `unique_list` is empty, and the rest is
   missing.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Context, Decimal
from fractions import Fraction
from math import isfinite
from operator import itemgetter
from sys import float_info
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from journeystream.comparisons import MISSING, same
from journeystream.durations import Duration, parse_duration
from journeystream.event_facts import filter_id, matcher, property_at
from journeystream.event_language import MOST_COUNTED, EventFilter
from journeystream.events import Event
from journeystream.moments import Moment, Predicate, Valued

MOST_VALUES = 500
_LONGEST_TEXT = 512
_NUMBERS = frozenset(("sum", "average", "min", "max"))
_GREATEST, _SMALLEST = (1 << 63) - 1, -(1 << 63)
# Digits enough for the sum of any doubles, however far apart.
_EXACT = Context(prec=1_000)
_when = itemgetter(0)


class Computation(EventFilter):
    """What is made of the events of a filter, ever or in a rolling window."""

    compute: Literal[
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
    ] = Field(description="what is made of the events")
    of: str | None = Field(
        None, min_length=1, description="the property that it is made of; a count needs none"
    )
    within: str | None = Field(None, description="rolling window: of the last `30 days`; else ever")

    @field_validator("within")
    @classmethod
    def _within_is_a_duration(cls, text: str | None) -> str | None:
        if text is not None:
            parse_duration(text)
        return text

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if self.of is None and self.compute != "count":
            raise ValueError(f"{self.compute} needs `of`: the property that it is made of")
        if self.entry_paths:
            raise ValueError("nobody has entered here: leave equals_entry out")
        return self


@dataclass(frozen=True, slots=True)
class ComputedTrait:
    """A computed trait ready to be asked.

    `value` is MISSING where nothing can be said; `turns` is the next instant at which time
    alone may change it.
    """

    predicates: Mapping[str, Predicate]
    value: Callable[[Moment], object]
    turns: Callable[[Moment], int | None]


@dataclass(frozen=True, slots=True)
class _Way:
    """How a computation is kept and told: `keep` adds a value, `tell` says what is kept."""

    keep: Callable[[Valued, int, Any], None]
    tell: Callable[[Sequence[tuple[int, Any]]], object]


def compile_computation(id_: str, asked: Computation, zone: tzinfo) -> ComputedTrait:
    """Compile the computation of the computed trait `id_`."""
    window = parse_duration(asked.within) if asked.within else None
    if asked.compute == "count" and asked.of is None and window is not None:
        return _count_in_window(id_, asked, window, zone)
    way = (_EVER if window is None else _IN_WINDOW)[asked.compute]
    source = property_at(asked.of) if asked.of is not None else None
    fits = _is_number if asked.compute in _NUMBERS else _is_value
    passes = matcher(asked, zone)

    def matches(event: Event) -> bool:
        return passes(event) and (source is None or fits(source(event)))

    def learn(valued: Valued, came: int, event: Event) -> None:
        way.keep(valued, came, None if source is None else source(event))

    key = filter_id(asked, zone, (None, None), id_, asked.compute, str(asked.of), str(asked.within))
    in_window = _in_window(window, zone)

    def value(moment: Moment) -> object:
        return way.tell(in_window(moment.user.values.get(key, ()), moment.now))

    kind, name = asked.kind_and_name
    return ComputedTrait(
        {key: Predicate(key, kind, name, matches, MOST_VALUES, learn)},
        value,
        _turns(lambda moment: [at for at, _ in moment.user.values.get(key, ())], window, zone),
    )


def compile_computations(
    asked: Mapping[str, Computation], zone: tzinfo
) -> dict[str, ComputedTrait]:
    """Compile computed traits by id."""
    return {id_: compile_computation(id_, each, zone) for id_, each in asked.items()}


def _count_in_window(id_: str, asked: Computation, window: Duration, zone: tzinfo) -> ComputedTrait:
    """Count plain facts: of these more can be kept than of values."""
    key = filter_id(asked, zone, (None, None), id_, "count", str(asked.within))
    kind, name = asked.kind_and_name

    def value(moment: Moment) -> int:
        facts = moment.user.facts.get(key, ())
        if window.months:
            return sum(window.after(fact, zone) > moment.now for fact in facts)
        return len(facts) - bisect_right(facts, moment.now - window.micros)

    return ComputedTrait(
        {key: Predicate(key, kind, name, matcher(asked, zone), MOST_COUNTED)},
        value,
        _turns(lambda moment: moment.user.facts.get(key, ()), window, zone),
    )


# ── windows ──────────────────────────────────────────────────────────────────────────────


def _in_window(
    window: Duration | None, zone: tzinfo
) -> Callable[[Sequence[tuple[int, Any]], int], Sequence[tuple[int, Any]]]:
    if window is None:
        return lambda valued, _now: valued
    if window.months:
        return lambda valued, now: [each for each in valued if window.after(each[0], zone) > now]
    return lambda valued, now: valued[bisect_right(valued, now - window.micros, key=_when) :]


def _turns(
    instants: Callable[[Moment], Sequence[int]], window: Duration | None, zone: tzinfo
) -> Callable[[Moment], int | None]:
    """Return how to find the next instant at which something leaves the window."""

    def turns(moment: Moment) -> int | None:
        if window is None:
            return None
        found = instants(moment)
        if window.months:
            ends = (window.after(at, zone) for at in found)
            return min((end for end in ends if end > moment.now), default=None)
        place = bisect_right(found, moment.now - window.micros)
        return found[place] + window.micros if place < len(found) else None

    return turns


# ── values ───────────────────────────────────────────────────────────────────────────────


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and (isinstance(value, float) or _SMALLEST <= value <= _GREATEST)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT
    return isinstance(value, bool) or _is_number(value)


def _decimal(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _number(exact: Fraction) -> int | float:
    """Return a number of JSON, the nearest one."""
    if exact.denominator == 1 and _SMALLEST <= exact <= _GREATEST:
        return int(exact)
    try:
        return float(exact)
    except OverflowError:
        return float_info.max if exact > 0 else -float_info.max


# ── ways to keep ─────────────────────────────────────────────────────────────────────────


def _keep_newest(valued: Valued, came: int, value: object) -> None:
    insort(valued, (came, value), key=_when)
    del valued[:-MOST_VALUES]


def _keep_sum(valued: Valued, came: int, value: object) -> None:
    """Keep one record: the exact sum as a text, and of how many."""
    last, (total, count) = valued[0] if valued else (came, ("0", 0))
    total = str(_EXACT.add(Decimal(total), _decimal(value)))
    valued[:] = [(max(last, came), [total, count + 1])]


def _keep_count(valued: Valued, came: int, _value: object) -> None:
    last, count = valued[0] if valued else (came, 0)
    valued[:] = [(max(last, came), count + 1)]


def _keep_first(valued: Valued, came: int, value: object) -> None:
    if not valued or came < valued[0][0]:
        valued[:] = [(came, value)]


def _keep_last(valued: Valued, came: int, value: object) -> None:
    if not valued or came >= valued[-1][0]:
        valued[:] = [(came, value)]


def _keep_best(better: Callable[[float, float], bool]) -> Callable[[Valued, int, Any], None]:
    def keep(valued: Valued, came: int, value: float) -> None:
        if not valued or better(value, valued[0][1]):
            valued[:] = [(came, value)]

    return keep


def _keep_candidates(
    better: Callable[[float, float], bool],
) -> Callable[[Valued, int, Any], None]:
    """Keep what becomes the best one when those before it have left: ever worse values."""

    def keep(valued: Valued, came: int, value: float) -> None:
        place = bisect_right(valued, came, key=_when)
        if place < len(valued) and not better(value, valued[place][1]):
            return
        begin = place
        while begin and not better(valued[begin - 1][1], value):
            begin -= 1
        valued[begin:place] = [(came, value)]
        del valued[:-MOST_VALUES]

    return keep


def _keep_unique(valued: Valued, came: int, value: object) -> None:
    for place, (last, known) in enumerate(valued):
        if same(known, value):
            if came <= last:
                return
            del valued[place]
            break
    _keep_newest(valued, came, value)


def _keep_counts(valued: Valued, came: int, value: object) -> None:
    """Keep how often each value came, and when last."""
    for place, (last, (known, count)) in enumerate(valued):
        if same(known, value):
            del valued[place]
            insort(valued, (max(last, came), [known, count + 1]), key=_when)
            return
    if len(valued) >= MOST_VALUES:
        # The rarest goes; of these, the one that came least lately.
        valued.remove(min(valued, key=lambda each: each[1][1]))
    insort(valued, (came, [value, 1]), key=_when)


# ── ways to tell ─────────────────────────────────────────────────────────────────────────


def _values(valued: Sequence[tuple[int, Any]]) -> list[object]:
    return [value for _, value in valued]


def _tell_one(place: int) -> Callable[[Sequence[tuple[int, Any]]], object]:
    return lambda valued: valued[place][1] if valued else MISSING


def _sum(valued: Sequence[tuple[int, Any]]) -> Decimal:
    total = Decimal(0)
    for _, value in valued:
        total = _EXACT.add(total, _decimal(value))
    return total


def _tell_sum(valued: Sequence[tuple[int, Any]]) -> object:
    return _number(Fraction(_sum(valued)))


def _tell_average(valued: Sequence[tuple[int, Any]]) -> object:
    return _number(Fraction(_sum(valued)) / len(valued)) if valued else MISSING


def _tell_kept_sum(valued: Sequence[tuple[int, Any]]) -> object:
    return _number(Fraction(valued[0][1][0])) if valued else 0


def _tell_kept_average(valued: Sequence[tuple[int, Any]]) -> object:
    if not valued:
        return MISSING
    total, count = valued[0][1]
    return _number(Fraction(total) / count)


def _tell_counted(valued: Sequence[tuple[int, Any]]) -> object:
    """Return the most frequent of counted values."""
    if not valued:
        return MISSING
    return max(reversed(valued), key=lambda each: each[1][1])[1][0]


def _tell_most_frequent(valued: Sequence[tuple[int, Any]]) -> object:
    counts: Valued = []
    for came, value in valued:
        _keep_counts(counts, came, value)
    return _tell_counted(counts)


def _less(left: float, right: float) -> bool:
    return left < right


def _more(left: float, right: float) -> bool:
    return left > right


_ALWAYS = {
    "last": _Way(_keep_last, _tell_one(0)),
    "unique_list": _Way(_keep_unique, _values),
    "unique_count": _Way(_keep_unique, len),
}
_EVER: dict[str, _Way] = {
    **_ALWAYS,
    "count": _Way(_keep_count, lambda valued: valued[0][1] if valued else 0),
    "sum": _Way(_keep_sum, _tell_kept_sum),
    "average": _Way(_keep_sum, _tell_kept_average),
    "min": _Way(_keep_best(_less), _tell_one(0)),
    "max": _Way(_keep_best(_more), _tell_one(0)),
    "first": _Way(_keep_first, _tell_one(0)),
    "most_frequent": _Way(_keep_counts, _tell_counted),
}
_IN_WINDOW: dict[str, _Way] = {
    **_ALWAYS,
    "count": _Way(_keep_newest, len),
    "sum": _Way(_keep_newest, _tell_sum),
    "average": _Way(_keep_newest, _tell_average),
    "min": _Way(_keep_candidates(_less), _tell_one(0)),
    "max": _Way(_keep_candidates(_more), _tell_one(0)),
    "first": _Way(_keep_newest, _tell_one(0)),
    "most_frequent": _Way(_keep_newest, _tell_most_frequent),
}
