"""Durations as people write them, and how an instant moves by one.

Law: `minutes`, `hours`, `days` and `weeks` are exact spans of time (a day is 24 hours);
`months` are calendar months in a time zone: the wall-clock time of day is kept over a
daylight-saving change, and a day that the month lacks becomes its last one. Where the calendar
ends (before year 1, after 9999) a month is 31 days: a span leads on from every instant.

An *instant* is everywhere an integer: microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

MICROS = 1_000_000
_EXACT = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_UNITS = (*_EXACT, "month")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_MONTHS = 1_200
_LONGEST_MONTH = 31 * 86_400 * MICROS
_MOST_MICROS = 36_525 * 86_400 * MICROS
_TERM = re.compile(r"\s*(\d{1,6})\s*([a-z]+?)s?(?![a-z])\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """A span: calendar `months`, then exact `micros`."""

    months: int
    micros: int

    def after(self, instant: int, zone: tzinfo) -> int:
        """Return the instant that lies this span after `instant`."""
        if self.months:
            instant = _add_months(instant, self.months, zone)
        return instant + self.micros

    def before(self, instant: int, zone: tzinfo) -> int:
        """Return the instant that lies this span before `instant`."""
        instant -= self.micros
        return _add_months(instant, -self.months, zone) if self.months else instant


def instant_of(moment: datetime) -> int:
    """Return the instant of an aware datetime, exactly: no floats on the way."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * MICROS + since.microseconds


FIRST_INSTANT = instant_of(datetime(1, 1, 1, tzinfo=UTC))
LAST_INSTANT = instant_of(datetime.max.replace(tzinfo=UTC))


def parse_duration(text: str) -> Duration:
    """Read `1 day`, `90 minutes` or `1 day 2 hours`; ValueError says what is allowed."""
    months = micros = end = 0
    while end < len(text):
        term = _TERM.match(text, end)
        if term is None or term[2] not in _UNITS:
            raise ValueError(
                f"{text!r} is no duration: write a number and one of "
                f"{', '.join(unit + 's' for unit in _UNITS)}, as in '1 day 2 hours'"
            )
        amount = int(term[1])
        if term[2] == "month":
            months += amount
        else:
            micros += amount * _EXACT[term[2]] * MICROS
        end = term.end()
    if not months and not micros:
        raise ValueError(f"{text!r} is no duration: it must be longer than nothing")
    if months > _MOST_MONTHS or micros > _MOST_MICROS:
        raise ValueError(f"{text!r} is too long: at most 100 years")
    return Duration(months, micros)


def parse_instant(text: str) -> int:
    """Read an ISO 8601 time; without an offset it is UTC. ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    # Asked for each event: `instant_of` without the call.
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * MICROS + since.microseconds


@lru_cache(maxsize=256)  # one step tells several destinations, one turn many users
def iso(instant: int) -> str:
    """Write an instant as `2024-03-01T10:00:00.000Z`, cut to milliseconds.

    It never fails: what lies before year 1 or after 9999 is written as their first or last.
    """
    instant = min(max(instant, FIRST_INSTANT), LAST_INSTANT)
    seconds, micros = divmod(instant, MICROS)
    stamp = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    return f"{stamp}.{micros // 1000:03d}Z"


def exact_iso(instant: int) -> str:
    """Write an instant of years 1 to 9999 to the microsecond; `parse_instant` reads it back."""
    return f"{iso(instant)[:-4]}{instant % MICROS:06d}Z"


def _add_months(instant: int, months: int, zone: tzinfo) -> int:
    seconds, micros = divmod(instant, MICROS)
    try:
        local = datetime.fromtimestamp(seconds, zone)
        years, month0 = divmod(local.month - 1 + months, 12)
        year, month = local.year + years, month0 + 1
        day = min(local.day, monthrange(year, month)[1])
        return instant_of(local.replace(year=year, month=month, day=day, fold=0)) + micros
    except (ValueError, OverflowError):
        return instant + months * _LONGEST_MONTH
