"""Schedules: at which instants something that recurs is due.

Law: a schedule is days and times of day in a time zone. Each time of each of its days comes once,
at the instant that the wall clock says (`wall_clock.py`). A day that a month lacks is its last one.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, tzinfo
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from journeystream.calendars.hours import WEEKDAYS, Weekday
from journeystream.calendars.wall_clock import (
    DAY,
    HOUR,
    TimeOfDay,
    date_of,
    day_number,
    instant_at,
    micros_of_day,
    reading,
)

_QUARTER = 3  # months
_LONGEST_GAP = 100  # days between two quarterly days
_TIMES_A_DAY = {"3 hours": 8, "6 hours": 4, "twice daily": 2}


class Schedule(BaseModel):
    """When something recurs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal[
        "once",
        "dates",
        "3 hours",
        "6 hours",
        "twice daily",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
    ] = Field(description="how often")
    at: list[TimeOfDay] = Field(
        ["00:00"],
        min_length=1,
        description="times of day; of 3 hours, 6 hours and twice daily the first one: "
        "the others follow evenly, unless twice daily names both",
    )
    dates: list[date] = Field([], description="the days of once and dates")
    weekdays: list[Weekday] = Field(["mon"], min_length=1, description="the days of weekly")
    days: list[int] = Field(
        [1], min_length=1, description="the days of monthly and quarterly; -1 is the last one"
    )
    starts: date | None = Field(
        None, description="the first possible day; quarterly counts its months from here"
    )
    ends: date | None = Field(None, description="the last possible day")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        dated = self.every in ("once", "dates")
        if dated != bool(self.dates) or (self.every == "once" and len(self.dates) != 1):
            raise ValueError("write `dates` with `every: dates`, and one of them with `once`")
        most = {"once": 1, "3 hours": 1, "6 hours": 1, "twice daily": 2}.get(self.every, 24)
        if len(self.at) > most:
            raise ValueError(f"{len(self.at)} times are too many: at most {most} here")
        for day in self.days:
            if not (1 <= day <= 31 or -28 <= day <= -1):  # noqa: PLR2004  days of a month
                raise ValueError(f"{day} is no day of a month: write 1 to 31, or -1 for the last")
        if self.starts and self.ends and self.starts > self.ends:
            raise ValueError("`starts` must not lie after `ends`")
        return self

    def next_after(self, instant: int, zone: tzinfo) -> int | None:
        """Return the first due instant strictly after `instant`; None when there is no more."""
        times = self._times()
        for day in self._days_from(reading(instant, zone) // DAY - 1):
            for time in times:
                due = instant_at(day * DAY + time, zone)
                if due > instant:
                    return due
        return None

    def _times(self) -> list[int]:
        """Return the times of a day, in order."""
        times = [micros_of_day(time) for time in self.at]
        if len(times) == 1 and self.every in _TIMES_A_DAY:
            count = _TIMES_A_DAY[self.every]
            times = [(times[0] + each * 24 * HOUR // count) % DAY for each in range(count)]
        return sorted(set(times))

    def _days_from(self, first: int) -> Iterator[int]:
        """Yield the days on which it is due, from a day on, in order."""
        if self.dates:
            numbers = sorted({day_number(day) for day in self.dates if self._is_open(day)})
            yield from (number for number in numbers if number >= first)
            return
        if self.starts is not None:
            first = max(first, day_number(self.starts))
        quiet = 0
        while quiet < _LONGEST_GAP:
            try:
                day = date_of(first)
            except (ValueError, OverflowError):
                return
            if self.ends is not None and day > self.ends:
                return
            quiet += 1
            if self._falls_on(day):
                quiet = 0
                yield first
            first += 1

    def _is_open(self, day: date) -> bool:
        return (self.starts is None or day >= self.starts) and (
            self.ends is None or day <= self.ends
        )

    def _falls_on(self, day: date) -> bool:
        if not self._is_open(day):
            return False
        if self.every == "weekly":
            return WEEKDAYS[day.weekday()] in self.weekdays
        if self.every == "quarterly":
            first = self.starts.month if self.starts else 1
            if (day.month - first) % _QUARTER:
                return False
        if self.every in ("monthly", "quarterly"):
            last = monthrange(day.year, day.month)[1]
            return day.day in {min(n, last) if n > 0 else last + 1 + n for n in self.days}
        return True
