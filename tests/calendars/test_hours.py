"""Hours of the week against the slow reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.calendars.hours import WEEKDAYS, Hours, WeekHours, allowed_hours
from tests.calendars.minutes import minutes, moments, times_of_day, wall
from tests.law_settings import laws

WEEKS = 16  # days: a zone may leave out the only day on which there are hours


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """Draw hours of some days, some of them over midnight."""
    days = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True))
    begin = draw(times_of_day())
    end = draw(st.sampled_from(("24:00",)) | times_of_day().filter(lambda time: time != begin))
    return Hours(days=days, from_=begin, to=end)


def is_inside(each: Hours, shown: datetime) -> bool:
    """Tell, the slow way, whether what a clock shows is inside."""
    today, time = WEEKDAYS[shown.weekday()], f"{shown:%H:%M}"
    yesterday = WEEKDAYS[shown.weekday() - 1]
    if each.from_ < each.to:
        return today in each.days and each.from_ <= time < each.to
    return (today in each.days and time >= each.from_) or (
        yesterday in each.days and time < each.to
    )


some_hours = st.lists(hours(), max_size=3)


@laws
@given(moments(), some_hours, some_hours)
def test_the_next_instant_is_the_first_allowed_minute(
    moment: tuple[int, ZoneInfo], windows: list[Hours], quiet: list[Hours]
) -> None:
    """A clock that is looked at every minute finds the same instant, or none in two weeks."""
    start, zone = moment
    allowed = allowed_hours(windows, quiet)
    expected = None
    for minute in minutes(start, WEEKS):
        shown = wall(minute, zone)
        inside = not windows or any(is_inside(each, shown) for each in windows)
        if inside and not any(is_inside(each, shown) for each in quiet):
            expected = minute
            break
    assert allowed.next_instant(start, zone) == expected
    assert allowed.contain(start, zone) == (expected == start)


@laws
@given(some_hours, some_hours)
def test_hours_are_a_part_of_the_week(some: list[Hours], others: list[Hours]) -> None:
    """Intervals are sorted and apart, and what was taken away is not there."""
    left = WeekHours.of(some).without(WeekHours.of(others))
    bounds = [bound for interval in left.intervals for bound in interval]
    assert bounds == sorted(set(bounds))
    assert left.without(WeekHours.of(others)) == left
    assert not left.without(WeekHours.of(some)).intervals


@pytest.mark.parametrize(
    "written",
    [
        {"from": "09:00", "to": "09:00"},
        {"from": "9:00"},
        {"from": "24:00"},
        {"to": "25:00"},
        {"days": []},
        {"days": ["monday"]},
    ],
)
def test_what_are_no_hours(written: dict[str, Any]) -> None:
    """Times are written like 09:00, days like mon, and hours are longer than nothing."""
    with pytest.raises(ValidationError):
        Hours.model_validate(written)
