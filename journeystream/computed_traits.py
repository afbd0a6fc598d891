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

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from operator import itemgetter
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from journeystream.computing import EVER, IN_WINDOW, MOST_VALUES, is_number, is_value
from journeystream.durations import Duration, parse_duration
from journeystream.event_facts import filter_id, matcher, property_at
from journeystream.event_language import MOST_COUNTED, EventFilter
from journeystream.events import Event
from journeystream.moments import Moment, Predicate, Valued
from journeystream.setting_types import SpanText

_NUMBERS = frozenset(("sum", "average", "min", "max"))
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
    within: SpanText | None = Field(
        None, description="rolling window: of the last `30 days`; else ever"
    )

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


def compile_computation(id_: str, asked: Computation, zone: tzinfo) -> ComputedTrait:
    """Compile the computation of the computed trait `id_`."""
    window = parse_duration(asked.within) if asked.within else None
    if asked.compute == "count" and asked.of is None and window is not None:
        return _count_in_window(id_, asked, window, zone)
    way = (EVER if window is None else IN_WINDOW)[asked.compute]
    source = property_at(asked.of) if asked.of is not None else None
    fits = is_number if asked.compute in _NUMBERS else is_value
    passes = matcher(asked, zone)

    def matches(event: Event) -> bool:
        return passes(event) and (source is None or fits(source(event)))

    def learn(valued: Valued, came: int, event: Event) -> None:
        way.keep(valued, came, None if source is None else source(event))

    def join(valued: Valued, others: Valued) -> None:
        for came, kept in others:
            (way.add or way.keep)(valued, came, kept)

    key = filter_id(asked, zone, (None, None), id_, asked.compute, str(asked.of), str(asked.within))
    in_window = _in_window(window, zone)

    def value(moment: Moment) -> object:
        return way.tell(in_window(moment.user.values.get(key, ()), moment.now))

    kind, name = asked.kind_and_name
    return ComputedTrait(
        {key: Predicate(key, kind, name, matches, MOST_VALUES, learn, join)},
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
