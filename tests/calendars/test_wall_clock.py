"""What a wall clock shows: times of day and dates against the slow reference."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.calendars.wall_clock import (
    DAY,
    instant_at,
    micros_of_day,
    next_time,
    offset,
    read_date,
    reading,
    zone_named,
)
from journeystream.durations import iso, parse_instant
from tests.calendars.minutes import MINUTE, arrivals, minutes, moments, times_of_day, wall
from tests.law_settings import laws

PARIS = ZoneInfo("Europe/Paris")


@laws
@given(moments(), times_of_day())
def test_a_time_of_day_comes_when_a_clock_says_so(moment: tuple[int, ZoneInfo], time: str) -> None:
    """The next time is the first minute at which the clock shows it or has jumped over it."""
    after, zone = moment
    expected = next(at for at, _ in arrivals(after - 2 * DAY, 5, time, zone) if at > after)
    assert next_time(after, micros_of_day(time), zone) == expected


@laws
@given(moments(), st.integers(-1_500, 1_500))
def test_a_reading_comes_at_its_first_minute(moment: tuple[int, ZoneInfo], shift: int) -> None:
    """An instant for a reading is the first one that shows it, or something after it."""
    at, zone = moment
    wanted = reading(at, zone) + shift * MINUTE
    instant = instant_at(wanted, zone)
    expected = next(m for m in minutes(at - 4 * DAY, 9) if reading(m, zone) >= wanted)
    assert instant == expected


@laws
@given(moments())
def test_offsets_are_the_zones_own(moment: tuple[int, ZoneInfo]) -> None:
    """A reading is what a clock on the wall shows."""
    at, zone = moment
    assert iso(reading(at, zone))[:19] == wall(at, zone).isoformat()


@pytest.mark.parametrize("instant", [-(1 << 62), 1 << 62])
def test_outside_the_calendar_there_is_no_offset(instant: int) -> None:
    """Before year 1 and after 9999 clocks show UTC: nothing fails."""
    assert offset(instant, PARIS) == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-03-31T02:30:00", "2024-03-31T01:00:00Z"),  # skipped: when the clock jumps
        ("2024-10-27T02:30:00", "2024-10-27T00:30:00Z"),  # shown twice: the first time
        ("2024-06-01", "2024-05-31T22:00:00Z"),
        ("2024-06-01T10:00:00Z", "2024-06-01T10:00:00Z"),
        ("2024-06-01T10:00:00+05:00", "2024-06-01T05:00:00Z"),
        (1_717_236_000, "2024-06-01T10:00:00Z"),
        (1_717_236_000_000, "2024-06-01T10:00:00Z"),
        (1_717_236_000.5, "2024-06-01T10:00:00.5Z"),
        ("soon", None),
        ("", None),
        (True, None),
        (None, None),
        (1e300, None),
        (float("nan"), None),
        (10**400, None),
        ({"date": 1}, None),
        ("9999-12-31T23:59:59", "9999-12-31T22:59:59Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_dates_as_they_are_written(value: object, expected: str | None) -> None:
    """Texts without an offset are readings of the zone's clock; what is no date is none."""
    assert read_date(value, PARIS) == (None if expected is None else parse_instant(expected))


@pytest.mark.parametrize(
    "name", ["localtime", "../etc/passwd", "/etc/passwd", "Europe/../x", "", "posixrules", "Mars"]
)
def test_a_zone_is_a_name_of_the_database(name: str) -> None:
    """Only names that mean the same on every machine are zones."""
    assert zone_named(name) is None
    assert zone_named("Europe/Paris") == PARIS
