"""The slow reference: what a wall clock shows, minute by minute, and nothing clever.

All clocks here change at whole minutes, and all times that are asked for are whole minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from journeystream.durations import MICROS

MINUTE = 60 * MICROS
# A change of an hour in both halves of the world, of half an hour, at midnight, and a lost day.
CHANGES = {
    "Europe/Paris": ("2024-03-31T01:00", "2024-10-27T01:00"),
    "America/New_York": ("2024-03-10T07:00", "2024-11-03T06:00"),
    "Australia/Lord_Howe": ("2024-04-06T15:00", "2024-10-05T15:30"),
    "America/Santiago": ("2024-04-07T03:00", "2024-09-08T04:00"),
    "Pacific/Apia": ("2011-12-30T10:00",),
    "Asia/Kathmandu": ("2024-05-01T00:00",),  # never changes; 5:45 from UTC
}


@st.composite
def moments(draw: st.DrawFn) -> tuple[int, ZoneInfo]:
    """Draw an instant (a whole minute) up to two days from a change, and the zone."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[name]))).replace(tzinfo=UTC)
    near = draw(st.integers(-2_880, 2_880)) if draw(st.booleans()) else draw(st.integers(-90, 90))
    return int((change + timedelta(minutes=near)).timestamp()) * MICROS, ZoneInfo(name)


def times_of_day() -> st.SearchStrategy[str]:
    """Draw a time of day, most of them from the hours at which clocks change."""
    hours = st.sampled_from((0, 1, 1, 2, 2, 3, 9, 14, 22, 23))
    return st.builds("{:02d}:{:02d}".format, hours, st.sampled_from((0, 15, 30, 59)))


def wall(instant: int, zone: tzinfo) -> datetime:
    """Return what the clock shows."""
    return datetime.fromtimestamp(instant // MICROS, zone).replace(tzinfo=None)


def minutes(start: int, days: int) -> Iterator[int]:
    """Yield the minutes from a start on."""
    for minute in range(days * 1_440):
        yield start + minute * MINUTE


def arrivals(start: int, days: int, time: str, zone: tzinfo) -> Iterator[tuple[int, date]]:
    """Yield (instant, day) whenever a clock comes to a time of day or jumps over it.

    Each day's time comes once: the first time that the clock shows it, or shows a later one.
    """
    wanted = timedelta(hours=int(time[:2]), minutes=int(time[3:]))
    shown = wall(start, zone)
    for minute in minutes(start, days):
        reading = wall(minute, zone)
        day = (shown - wanted).date() + timedelta(days=1)
        while datetime(day.year, day.month, day.day) + wanted <= reading:  # noqa: DTZ001  a wall's
            yield minute, day
            day += timedelta(days=1)
        shown = max(shown, reading)
