"""`wait_for_duration`: a pause of a fixed length, counted from arrival."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from journeystream.conditions import Moment
from journeystream.durations import parse_duration
from journeystream.setting_types import SpanText
from journeystream.steps.contract import (
    STAY,
    CompiledStep,
    Decision,
    Go,
    StepDefinition,
    Surroundings,
)
from journeystream.user import Position


class WaitForDuration(StepDefinition):
    """The user waits for `duration` from arrival, then goes on."""

    type: Literal["wait_for_duration"]
    duration: SpanText = Field(description="how long, as in `1 hour` or `2 weeks`")
    next: str | None = Field(None, description="step id; without it the path ends")

    @property
    def takes_time(self) -> bool:
        """Always: a duration is longer than nothing."""
        return True

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the only way out."""
        yield "next", self.next

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: stay until arrival + duration."""
        duration, onward = parse_duration(self.duration), Go(self.next)

        def until(moment: Moment, position: Position) -> int:
            return duration.after(position.since, around.zone_of(moment.user))

        def decide(moment: Moment, position: Position) -> Decision:
            return onward if moment.now >= until(moment, position) else STAY

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=until,
            gate=True,
            traits=around.zone_traits if duration.months else frozenset(),
        )
