"""Schedules against the slow reference."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.calendars.hours import WEEKDAYS
from journeystream.calendars.schedules import Schedule
from journeystream.calendars.wall_clock import DAY
from journeystream.durations import iso, parse_instant
from tests.calendars.minutes import arrivals, moments, times_of_day
from tests.law_settings import laws

PARIS = ZoneInfo("Europe/Paris")


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Draw a schedule that is due within a few days of any of the changes."""
    every = draw(
        st.sampled_from(("3 hours", "6 hours", "twice daily", "daily", "weekly", "monthly"))
    )
    most = {"3 hours": 1, "6 hours": 1, "twice daily": 2}.get(every, 3)
    return Schedule(
        every=every,
        at=draw(st.lists(times_of_day(), min_size=1, max_size=most)),
        weekdays=draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True)),
        days=[1, 4, 7, 10, 27, 28, 30, 31, -1, -2],
    )


def times_of(schedule: Schedule) -> set[str]:
    """Return the times of a day, the slow way."""
    if len(schedule.at) > 1 or schedule.every not in ("3 hours", "6 hours", "twice daily"):
        return set(schedule.at)
    step = {"3 hours": 3, "6 hours": 6, "twice daily": 12}[schedule.every]
    hour, minute = schedule.at[0].split(":")
    return {f"{(int(hour) + step * n) % 24:02d}:{minute}" for n in range(24 // step)}


def is_due(schedule: Schedule, day: date) -> bool:
    """Tell whether something is due on a day, the slow way."""
    if schedule.every == "weekly":
        return WEEKDAYS[day.weekday()] in schedule.weekdays
    if schedule.every == "monthly":
        last = monthrange(day.year, day.month)[1]
        return any(day.day == (min(n, last) if n > 0 else last + n + 1) for n in schedule.days)
    return True


@laws
@given(moments(), schedules())
def test_the_next_is_the_first_that_a_clock_comes_to(
    moment: tuple[int, ZoneInfo], schedule: Schedule
) -> None:
    """A clock that is looked at every minute finds the same instant."""
    after, zone = moment
    found = [
        at
        for time in times_of(schedule)
        for at, day in arrivals(after - 2 * DAY, 16, time, zone)
        if at > after and is_due(schedule, day)
    ]
    assert schedule.next_after(after, zone) == min(found)


def run(after: str, count: int, **written: object) -> list[str]:
    """Return the first few instants of a schedule in Paris."""
    instants: list[str] = []
    schedule, at = Schedule.model_validate(written), parse_instant(after)
    while len(instants) < count and (due := schedule.next_after(at, PARIS)) is not None:
        instants.append(iso(due)[:16])
        at = due
    return instants


def test_once_and_dates() -> None:
    """Named days come each once, in order, and then nothing does."""
    assert run("2024-01-01", 3, every="once", dates=["2024-07-01"], at=["09:00"]) == [
        "2024-07-01T07:00"
    ]
    assert run(
        "2024-02-01", 5, every="dates", dates=["2024-12-24", "2024-01-01", "2024-07-01"]
    ) == [
        "2024-06-30T22:00",
        "2024-12-23T23:00",
    ]


def test_the_first_of_each_month() -> None:
    """Monthly is the 1st at midnight unless it says otherwise; the last day is -1."""
    assert run("2024-02-01", 2, every="monthly") == ["2024-02-29T23:00", "2024-03-31T22:00"]
    assert run("2024-01-31", 3, every="monthly", days=[31], at=["12:00"]) == [
        "2024-01-31T11:00",
        "2024-02-29T11:00",
        "2024-03-31T10:00",
    ]
    assert run("2023-02-01", 1, every="monthly", days=[-1], at=["12:00"]) == ["2023-02-28T11:00"]


def test_quarters() -> None:
    """Quarters begin in January, or with the month in which the schedule starts."""
    assert run("2024-01-02", 2, every="quarterly") == ["2024-03-31T22:00", "2024-06-30T22:00"]
    assert run("2024-01-02", 2, every="quarterly", starts="2024-02-10", days=[15]) == [
        "2024-02-14T23:00",
        "2024-05-14T22:00",
    ]


def test_a_schedule_starts_and_ends() -> None:
    """Days before the start and after the end are none of it."""
    assert run("2024-01-01", 9, every="daily", starts="2024-03-01", ends="2024-03-02") == [
        "2024-02-29T23:00",
        "2024-03-01T23:00",
    ]


def test_hours_follow_the_clock_on_the_wall() -> None:
    """On the day of a change every 6 hours is still at 0, 6, 12 and 18 o'clock."""
    assert run("2024-03-30T22:00:00", 5, every="6 hours") == [
        "2024-03-30T23:00",
        "2024-03-31T04:00",
        "2024-03-31T10:00",
        "2024-03-31T16:00",
        "2024-03-31T22:00",
    ]


def test_no_day_is_too_far() -> None:
    """The end of the calendar ends a schedule; nothing fails."""
    assert run("9999-12-30T00:00:00", 9, every="daily") == ["9999-12-30T23:00"]
    assert date.max - timedelta(days=1) == date(9999, 12, 30)


@pytest.mark.parametrize(
    "written",
    [
        {"every": "once"},
        {"every": "once", "dates": ["2024-01-01", "2024-01-02"]},
        {"every": "daily", "dates": ["2024-01-01"]},
        {"every": "6 hours", "at": ["00:00", "01:00"]},
        {"every": "monthly", "days": [0]},
        {"every": "monthly", "days": [32]},
        {"every": "daily", "starts": "2024-02-01", "ends": "2024-01-01"},
        {"every": "hourly"},
    ],
)
def test_what_is_no_schedule(written: dict[str, Any]) -> None:
    """What a schedule can not mean is refused when it is read."""
    with pytest.raises(ValidationError):
        Schedule.model_validate(written)
