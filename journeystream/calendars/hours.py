"""Hours of the week: quiet hours, sending windows, and the next instant inside of them.

Law: hours are what a wall clock shows, and nothing else. Where the clock jumps over the end of
a window, the window ends at the jump; what it shows twice counts twice. `from` is inside,
`to` is not; hours that end before they begin go on over midnight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from journeystream.calendars.wall_clock import (
    DAY,
    EndOfHours,
    TimeOfDay,
    micros_of_day,
    reading,
    stretches,
)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05
# A week's hours come once a week, unless a zone leaves a day out.
_LONGEST_SEARCH = 3 * WEEK

Interval = tuple[int, int]


class Hours(BaseModel):
    """From a time of day to another, on some days of the week."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: list[Weekday] = Field(list(WEEKDAYS), min_length=1, description="on which they begin")
    from_: TimeOfDay = Field("00:00", alias="from", description="the first time inside")
    to: EndOfHours = Field("24:00", description="the first time after them; `24:00`: midnight")

    @model_validator(mode="after")
    def _last_some_time(self) -> Self:
        if self.from_ == self.to:
            raise ValueError(f"from {self.from_} to {self.to} is no time; for a whole day to 24:00")
        return self

    def intervals(self) -> Iterable[Interval]:
        """Yield them as microseconds of the week, each inside of one week."""
        begin, end = micros_of_day(self.from_), micros_of_day(self.to)
        length = end - begin if end > begin else end - begin + DAY
        for day in self.days:
            start = WEEKDAYS.index(day) * DAY + begin
            yield start, min(start + length, WEEK)
            if start + length > WEEK:
                yield 0, start + length - WEEK


@dataclass(frozen=True, slots=True)
class WeekHours:
    """A part of the week: sorted intervals that neither overlap nor touch."""

    intervals: tuple[Interval, ...]

    @classmethod
    def of(cls, hours: Iterable[Hours]) -> Self:
        """Return all that lies in any of the hours."""
        return cls(_joined(interval for each in hours for interval in each.intervals()))

    def without(self, others: WeekHours) -> WeekHours:
        """Return what lies here and not in the others."""
        bounds = [0, *(bound for interval in others.intervals for bound in interval), WEEK]
        gaps = [(bounds[place], bounds[place + 1]) for place in range(0, len(bounds), 2)]
        return WeekHours(
            _joined(
                (max(begin, first), min(end, last))
                for begin, end in self.intervals
                for first, last in gaps
            )
        )

    def contain(self, instant: int, zone: tzinfo) -> bool:
        """Tell whether the wall clock is inside."""
        return self.contain_place((reading(instant, zone) - _MONDAY) % WEEK)

    def contain_place(self, place: int) -> bool:
        """Tell whether a place in the week (microseconds since Monday, 00:00) is inside."""
        return self._next_inside(place) == 0

    def next_instant(self, instant: int, zone: tzinfo) -> int | None:
        """Return the first instant at or after `instant` that is inside; None when none is."""
        for begin, end, ahead in stretches(instant, zone):
            ahead_of = self._next_inside((begin + ahead - _MONDAY) % WEEK)
            if ahead_of is None or begin > instant + _LONGEST_SEARCH:
                return None
            if begin + ahead_of < end:
                return begin + ahead_of
        return None

    def _next_inside(self, place: int) -> int | None:
        """Return how long an even clock takes from a place in the week until it is inside."""
        if not self.intervals:
            return None
        index = bisect_right(self.intervals, (place, WEEK)) - 1
        if index >= 0 and place < self.intervals[index][1]:
            return 0
        if index + 1 < len(self.intervals):
            return self.intervals[index + 1][0] - place
        return self.intervals[0][0] + WEEK - place


ALL_WEEK = WeekHours(((0, WEEK),))


def allowed_hours(windows: Sequence[Hours], quiet: Sequence[Hours]) -> WeekHours:
    """Return the windows (none written: the whole week) without the quiet hours."""
    return (WeekHours.of(windows) if windows else ALL_WEEK).without(WeekHours.of(quiet))


def _joined(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for begin, end in sorted(each for each in intervals if each[0] < each[1]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return tuple(joined)
