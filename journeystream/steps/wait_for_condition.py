"""`wait_for_condition`: hold the user until a condition is true, or a time-out.

The wait looks back: an event counts when it lies in its leaf's window, even if it came before
the user arrived (`since: step` in the leaf turns that off). When the condition turns true at
the very instant of the time-out, the condition wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from journeystream.condition_language import Condition
from journeystream.conditions import Moment, earliest, flip
from journeystream.durations import parse_duration
from journeystream.steps.contract import (
    STAY,
    CompiledStep,
    Decision,
    Go,
    StepDefinition,
    Surroundings,
    Timeout,
)
from journeystream.user import Position


class WaitForCondition(StepDefinition):
    """The user waits until `condition` is true; `timeout` bounds the wait."""

    type: Literal["wait_for_condition"]
    condition: Condition
    next: str | None = Field(None, description="step id; without it the path ends")
    timeout: Timeout | None = Field(None, description="how long at most, and where to then")

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield where the condition leads, and where the time-out does."""
        yield "next", self.next
        if self.timeout is not None:
            yield "timeout.next", self.timeout.next

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield the condition that is waited for."""
        yield "condition", self.condition

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: the condition first, then the time-out."""
        condition, onward = around.condition(self.condition), Go(self.next)
        patience = parse_duration(self.timeout.after) if self.timeout else None
        too_late = Go(self.timeout.next) if self.timeout else STAY

        def deadline(position: Position) -> int | None:
            return patience.after(position.since, around.zone) if patience else None

        def decide(moment: Moment, position: Position) -> Decision:
            if condition.holds(moment):
                return onward
            until = deadline(position)
            return STAY if until is None or moment.now < until else too_late

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=lambda moment, position: earliest((flip(condition, moment), deadline(position))),
            conditions=(condition,),
            gate=True,
        )
