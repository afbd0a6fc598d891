"""The wall clock of a time zone: the only place where daylight saving matters.

Law: the wall clock decides. A *reading* is what it shows, in microseconds since its own
1970-01-01 00:00. A reading comes at the first instant at which the clock shows it or has jumped
over it. So a time that a change to summer time skips comes when the clock jumps, and a time
that is shown twice in autumn comes the first time.

Between two changes the clock runs evenly: `stretches` cuts time into such pieces, and everything
else is arithmetic inside of them. Two changes within one day do not occur.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from journeystream.durations import MICROS, instant_of

SECOND, MINUTE, HOUR, DAY = MICROS, 60 * MICROS, 3_600 * MICROS, 86_400 * MICROS
_FARTHEST = 16 * HOUR  # no zone was ever farther from UTC
_FIRST_DAY = date(1970, 1, 1).toordinal()
_NAME = re.compile(r"UTC|GMT|[A-Za-z_]{1,30}(/[A-Za-z0-9_+-]{1,30}){1,2}")
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_MOST_SECONDS_OF_A_NUMBER = 100_000_000_000  # beyond the year 5000: then it is milliseconds

TimeOfDay = Annotated[str, Field(pattern=rf"^{_TIME}$", description="as in `09:00`")]
EndOfHours = Annotated[str, Field(pattern=rf"^({_TIME}|24:00)$", description="as in `17:30`")]


def offset(instant: int, zone: tzinfo) -> int:
    """Return how far the wall clock is ahead of UTC, in microseconds; 0 outside the calendar."""
    try:
        ahead = datetime.fromtimestamp(instant // MICROS, zone).utcoffset()
    except (ValueError, OverflowError, OSError):
        return 0
    return (ahead or timedelta()) // timedelta(microseconds=1)


def stretches(start: int, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Yield (begin, end, offset), piece after piece from `start` on, without an end."""
    while True:
        ahead, end = offset(start, zone), start + DAY
        if offset(end, zone) != ahead:
            end = _change(start, end, zone)
        yield start, end, ahead
        start = end


def _change(start: int, end: int, zone: tzinfo) -> int:
    """Return the first instant after `start` at which the offset is another one."""
    ahead, low, high = offset(start, zone), start // SECOND, -(-end // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if offset(middle * SECOND, zone) == ahead:
            low = middle
        else:
            high = middle
    return high * SECOND


def reading(instant: int, zone: tzinfo) -> int:
    """Return what the wall clock shows."""
    return instant + offset(instant, zone)


def instant_at(wanted: int, zone: tzinfo) -> int:
    """Return the instant at which a reading comes."""
    for begin, end, ahead in stretches(wanted - _FARTHEST, zone):
        if wanted < end + ahead:
            return max(begin, wanted - ahead)
    raise AssertionError("time has no end")


def micros_of_day(time: str) -> int:
    """Return how far into the day `09:30` is."""
    hours, minutes = time.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def next_time(after: int, time: int, zone: tzinfo) -> int:
    """Return when the clock next comes to a time of day (microseconds), strictly after `after`."""
    day = reading(after, zone) // DAY - 1
    while (instant := instant_at(day * DAY + time, zone)) <= after:
        day += 1
    return instant


def day_number(day: date) -> int:
    """Return a date as days since 1970-01-01: the reading of its midnight, in days."""
    return day.toordinal() - _FIRST_DAY


def date_of(day: int) -> date:
    """Return the date of a day number; ValueError or OverflowError outside the calendar."""
    return date.fromordinal(day + _FIRST_DAY)


def read_date(value: object, zone: tzinfo) -> int | None:
    """Return the instant that a trait or property means, None when it is no date.

    ISO 8601 texts: without an offset they are readings of the zone's clock, without a time
    midnight. Numbers are seconds since 1970, or milliseconds when they are that large.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < _MOST_SECONDS_OF_A_NUMBER * 1_000:
            return None
        seconds = value if abs(value) < _MOST_SECONDS_OF_A_NUMBER else value / 1_000
        return int(seconds * MICROS)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return instant_of(moment)
        return instant_at(instant_of(moment.replace(tzinfo=UTC)), zone)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1_024)
def zone_named(name: str) -> tzinfo | None:
    """Return the zone of a name such as `Europe/Paris`, None when there is none."""
    if not _NAME.fullmatch(name):
        return None  # `localtime` too: it is another zone on another machine
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
