"""`wait_until`: hold the user until the clock says so: a time of day, hours of the week, a date.

All of them in the user's time zone, by what a wall clock there shows
(`calendars/wall_clock.py`):

* `time`: the next time after arrival that the clock comes to it; at that very time, a day later.
* `windows`: as soon as the clock is inside of one, which may be at once.
* `date`: a trait, a property of the entry event or a result, with `before` or `after`. Where it
  is missing, is no date or lies before the arrival, the user goes the way `otherwise`, at once.
  A date that changes meanwhile counts as it is now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from journeystream.calendars.hours import Hours, WeekHours
from journeystream.calendars.wall_clock import TimeOfDay, micros_of_day, next_time, read_date
from journeystream.conditions import Moment
from journeystream.durations import parse_duration
from journeystream.setting_types import SpanText
from journeystream.sources import DATE_PATTERN, entry_paths_in, look_up, traits_in
from journeystream.steps.contract import (
    STAY,
    CompiledStep,
    Decision,
    Go,
    StepDefinition,
    Surroundings,
    Way,
)
from journeystream.user import Position


class WaitUntil(StepDefinition):
    """The user waits until a time of day, until hours of the week, or until a date."""

    type: Literal["wait_until"]
    time: TimeOfDay | None = Field(None, description="a time of day, as in `09:00`")
    windows: list[Hours] | None = Field(None, min_length=1, description="hours of the week")
    date: str | None = Field(
        None,
        pattern=DATE_PATTERN,
        description="where a date is: `traits.PATH`, `entry.PATH` or `results.PATH`",
    )
    before: SpanText | None = Field(
        None, description="go on so long before the date, as in `2 hours`"
    )
    after: SpanText | None = Field(None, description="go on so long after the date, as in `1 day`")
    next: str | None = Field(None, description="step id; without it the path ends")
    otherwise: Way | None = Field(None, description="the way of users without such a date to come")

    @model_validator(mode="after")
    def _is_one_question(self) -> Self:
        if sum(each is not None for each in (self.time, self.windows, self.date)) != 1:
            raise ValueError("write one of time, windows, date")
        if self.date is None and (self.before or self.after or self.otherwise):
            raise ValueError("before, after and otherwise belong to `date`")
        if self.date is not None and self.otherwise is None:
            raise ValueError("add `otherwise`, the way of users whose date is missing or over")
        if self.before and self.after:
            raise ValueError("write `before` or `after`, not both")
        return self

    @property
    def takes_time(self) -> bool:
        """Until a time of day: the same time comes only on the next day."""
        return self.time is not None

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the way on, and the way of those who have no date."""
        yield "next", self.next
        if self.otherwise is not None:
            yield "otherwise.next", self.otherwise.next

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield where the date is."""
        if self.date is not None:
            yield "date", self.date

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour of what is waited for."""
        if self.date is not None:
            return self._until_date(self.date, around)
        onward = Go(self.next)
        time = micros_of_day(self.time) if self.time else 0
        hours = WeekHours.of(self.windows) if self.windows else None

        def until(moment: Moment, position: Position) -> int:
            zone = around.zone_of(moment.user)
            if hours is None:
                return next_time(position.since, time, zone)
            return hours.next_instant(moment.now, zone) or moment.now

        def decide(moment: Moment, position: Position) -> Decision:
            return onward if moment.now >= until(moment, position) else STAY

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=until,
            gate=True,
            traits=around.zone_traits,
        )

    def _until_date(self, source: str, around: Surroundings) -> CompiledStep:
        onward, otherwise = Go(self.next), Go(self.otherwise.next if self.otherwise else None)
        written = self.before or self.after
        shift = parse_duration(written) if written else None
        if shift and self.before:
            shift = replace(shift, months=-shift.months, micros=-shift.micros)

        def until(moment: Moment, _: Position) -> int | None:
            zone = around.zone_of(moment.user)
            date = read_date(look_up(source, moment.user, moment.instance), zone)
            return shift.after(date, zone) if shift and date is not None else date

        def decide(moment: Moment, position: Position) -> Decision:
            due = until(moment, position)
            if due is None or due < position.since:
                return otherwise
            return onward if moment.now >= due else STAY

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=until,
            gate=True,
            traits=around.zone_traits | traits_in([source]),
            entry_paths=entry_paths_in([source]),
        )
