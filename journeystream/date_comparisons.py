"""How a date of an event or a profile is compared, with a date or with now.

Laws:

1. A date is an ISO 8601 text, or a number: Unix time in seconds, or from 100,000,000,000 on in
   milliseconds. A text without an offset is read in the time zone; what is no date fulfils no
   operator.
2. What compares with now holds in a *span*, from its begin until just before its end, and knows
   the next of these instants: nothing polls. In `where`, now is the event's own time.
3. A day lasts from its midnight in the time zone to the next one, 23 to 25 hours at changes of
   daylight saving. Who was born on 29 February has their anniversary on the 28th otherwise.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt

from journeystream.comparisons import Comparison, Test, compile_comparison
from journeystream.durations import (
    FIRST_INSTANT,
    LAST_INSTANT,
    MICROS,
    Duration,
    instant_of,
    parse_duration,
)
from journeystream.setting_types import SpanText

Span = tuple[int, int]
TODAY = "today"
_FIRST_MILLIS = 100_000_000_000
_DATE_LENGTH = len("2024-03-01")
_DAY = timedelta(days=1)
# Then one anniversary's span is over when the next one's begins.
_MOST_DAYS = 180


def _a_date(value: object) -> object:
    # A date of YAML comes as one; its meaning depends on the time zone, so it stays a text.
    text = value.isoformat() if isinstance(value, date) else value
    if not isinstance(text, str) or instant_in(text, UTC) is None:
        raise ValueError(f"{value!r} is no date: write one like 2024-03-01 or 2024-03-01T10:00:00Z")
    return text


def _a_day(value: object) -> object:
    return value if value == TODAY else _a_date(value)


DateText = Annotated[str, BeforeValidator(_a_date)]


class DatedComparison(Comparison):
    """What a value must be; also for dates."""

    before: DateText | None = Field(None, description="a date earlier than this")
    after: DateText | None = Field(None, description="a date at or after this")
    within_last: SpanText | None = Field(
        None, description="a date of the last `7 days`, now included"
    )
    within_next: SpanText | None = Field(None, description="a date of the next `7 days`")
    same_day: Annotated[str, BeforeValidator(_a_day)] | None = Field(
        None, description="a date on this day in the time zone: `today`, or a date"
    )
    anniversary_within: StrictInt | None = Field(
        None,
        ge=0,
        le=_MOST_DAYS,
        description="a date with an anniversary today (0) or in the next so many days",
    )

    def says_something(self) -> bool:
        """Tell whether any operator was written."""
        return super().says_something() or bool(self.dated())

    def dated(self) -> dict[str, object]:
        """Return the operators for dates that were written."""
        return {
            name: value for name in DATE_OPERATORS if (value := getattr(self, name)) is not None
        }

    @classmethod
    def known_operators(cls) -> tuple[str, ...]:
        """Return the operators' names as definitions write them."""
        return (*super().known_operators(), *DATE_OPERATORS)


@dataclass(frozen=True, slots=True)
class Timed:
    """A test that depends on when it is asked, and the next instant of another answer."""

    test: Callable[[object, int], bool]
    turns: Callable[[object, int], int | None]


def compile_dated(comparison: DatedComparison, zone: tzinfo) -> Timed | None:
    """Return the test of a comparison that asks about dates; None when it asks about none."""
    dated = comparison.dated()
    if not dated:
        return None
    steady: list[Test] = [
        _STEADY[name](wanted, zone)
        for name, wanted in dated.items()
        if name in _STEADY and wanted != TODAY
    ]
    if comparison.operators():
        steady.append(compile_comparison(comparison))
    spans = [
        _SPANS[name](wanted, zone)
        for name, wanted in dated.items()
        if name not in _STEADY or wanted == TODAY
    ]

    def test(value: object, now: int) -> bool:
        return all(passes(value) for passes in steady) and all(
            any(begin <= now < end for begin, end in span(value, now)) for span in spans
        )

    def turns(value: object, now: int) -> int | None:
        if not all(passes(value) for passes in steady):
            return None
        instants = (each for span in spans for ends in span(value, now) for each in ends)
        return min((instant for instant in instants if instant > now), default=None)

    return Timed(test, turns)


# ── what a value means ───────────────────────────────────────────────────────────────────


def instant_in(value: object, zone: tzinfo) -> int | None:
    """Return the instant that a value names; None when it is no date."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            scale = MICROS if abs(value) < _FIRST_MILLIS else MICROS // 1_000
            instant = int(value * scale)
            return instant if FIRST_INSTANT <= instant <= LAST_INSTANT else None
        moment = _datetime(value)
        if moment is None:
            return None
        return instant_of(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def day_in(value: object, zone: tzinfo) -> date | None:
    """Return the day of the time zone that a value lies in; None when it is no date."""
    if isinstance(value, str) and len(value) == _DATE_LENGTH:
        moment = _datetime(value)
        return moment.date() if moment else None
    instant = instant_in(value, zone)
    return None if instant is None else day_at(instant, zone)


def day_at(instant: int, zone: tzinfo) -> date | None:
    """Return the day that it is in the time zone; None outside of the calendar."""
    try:
        return datetime.fromtimestamp(instant // MICROS, zone).date()
    except (ValueError, OverflowError, OSError):
        return None


def _datetime(value: object) -> datetime | None:
    # Only 2024-03-01…: not the forms without hyphens, nor those with weeks.
    if not isinstance(value, str) or value[4:5] != "-" or value[7:8] != "-":
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


# ── the operators ────────────────────────────────────────────────────────────────────────


def _midnight(day: date, zone: tzinfo) -> int:
    return instant_of(datetime(day.year, day.month, day.day, tzinfo=zone))


def _days(first: date, last: date, zone: tzinfo) -> Iterator[Span]:
    """Yield the span of these days; nothing where the calendar ends."""
    try:
        yield _midnight(first, zone), _midnight(last + _DAY, zone)
    except (ValueError, OverflowError):
        return


def _last(wanted: Duration, zone: tzinfo, value: object, _now: int) -> Iterator[Span]:
    instant = instant_in(value, zone)
    if instant is not None:
        yield instant, wanted.after(instant, zone)


def _next(wanted: Duration, zone: tzinfo, value: object, _now: int) -> Iterator[Span]:
    instant = instant_in(value, zone)
    if instant is not None:
        yield wanted.before(instant, zone), instant


def _today(zone: tzinfo, value: object, _now: int) -> Iterator[Span]:
    day = day_in(value, zone)
    if day is not None:
        yield from _days(day, day, zone)


def _anniversaries(before: timedelta, zone: tzinfo, value: object, now: int) -> Iterator[Span]:
    """Yield the spans of the anniversaries that now can lie in, and of the next ones."""
    born, today = day_in(value, zone), day_at(now, zone)
    if born is None or today is None:
        return
    first = max(born.year + 1, today.year)
    for year in range(first, min(first + 3, date.max.year)):
        day = min(born.day, monthrange(year, born.month)[1])
        anniversary = date(year, born.month, day)
        try:
            yield from _days(anniversary - before, anniversary, zone)
        except OverflowError:
            continue


def _before(wanted: object, zone: tzinfo) -> Test:
    bound = instant_in(wanted, zone) or 0
    return lambda value: (at := instant_in(value, zone)) is not None and at < bound


def _after(wanted: object, zone: tzinfo) -> Test:
    bound = instant_in(wanted, zone) or 0
    return lambda value: (at := instant_in(value, zone)) is not None and at >= bound


def _same_day(wanted: object, zone: tzinfo) -> Test:
    day = day_in(wanted, zone)
    return lambda value: day is not None and day_in(value, zone) == day


_STEADY: dict[str, Callable[[object, tzinfo], Test]] = {
    "before": _before,
    "after": _after,
    "same_day": _same_day,
}
_SPANS: dict[str, Callable[[object, tzinfo], Callable[[object, int], Iterator[Span]]]] = {
    "within_last": lambda wanted, zone: partial(_last, parse_duration(str(wanted)), zone),
    "within_next": lambda wanted, zone: partial(_next, parse_duration(str(wanted)), zone),
    "same_day": lambda _, zone: partial(_today, zone),
    "anniversary_within": lambda wanted, zone: partial(
        _anniversaries,
        timedelta(days=wanted),  # type: ignore[arg-type]  # a number of days
        zone,
    ),
}
DATE_OPERATORS = (*_STEADY, *(name for name in _SPANS if name not in _STEADY))
