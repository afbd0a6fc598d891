"""`wait_for_condition`: hold the user until a condition is true, or a time-out.

The wait looks back: an event counts when it lies in its leaf's window, even if it came before
the user arrived (`since: step` in the leaf turns that off). When the condition turns true at
the very instant of the time-out, the condition wins.

`restart_on` names an event that starts the time-out anew, as long as the user waits: "still adding
to the cart". A late one counts at its own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from journeystream.condition_language import Condition, EventLeaf
from journeystream.conditions import CompiledCondition, Moment, earliest, flip
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
from journeystream.user import NEVER, Position


class WaitForCondition(StepDefinition):
    """The user waits until `condition` is true; `timeout` bounds the wait."""

    type: Literal["wait_for_condition"]
    condition: Condition
    next: str | None = Field(None, description="step id; without it the path ends")
    timeout: Timeout | None = Field(None, description="how long at most, and where to then")
    restart_on: EventLeaf | None = Field(
        None, description="an event (with `where`, if need be) that starts the time-out anew"
    )

    @model_validator(mode="after")
    def _can_be_restarted(self) -> Self:
        leaf = self.restart_on
        if leaf is not None and self.timeout is None:
            raise ValueError("restart_on starts a time-out anew; add `timeout`")
        asked = {"event", "page", "screen", "where"}
        if leaf is not None and not leaf.model_fields_set <= asked:
            raise ValueError("restart_on takes event, page or screen, and where")
        return self

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield where the condition leads, and where the time-out does."""
        yield "next", self.next
        if self.timeout is not None:
            yield "timeout.next", self.timeout.next

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield the condition that is waited for, and the event that starts the time-out anew."""
        yield "condition", self.condition
        if self.restart_on is not None:
            yield "restart_on", self.restart_on

    def waits_for(self, position: Position) -> Iterator[tuple[str, Condition]]:  # noqa: ARG002 -- it is the same for all
        """Yield the condition."""
        yield "condition", self.condition

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: the condition first, then the time-out."""
        condition, onward = around.condition(self.condition), Go(self.next)
        restarts = (around.condition(self.restart_on),) if self.restart_on else ()
        patience = parse_duration(self.timeout.after) if self.timeout else None
        too_late = Go(self.timeout.next) if self.timeout else STAY

        def deadline(moment: Moment, position: Position) -> int | None:
            if patience is None:
                return None
            since = max(position.since, *(_newest(each, moment) for each in restarts), NEVER)
            return patience.after(since, around.zone_of(moment.user))

        def decide(moment: Moment, position: Position) -> Decision:
            if condition.holds(moment):
                return onward
            until = deadline(moment, position)
            return STAY if until is None or moment.now < until else too_late

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=lambda moment, position: earliest(
                (flip(condition, moment), deadline(moment, position))
            ),
            conditions=(condition, *restarts),
            gate=True,
            traits=around.zone_traits if patience and patience.months else frozenset(),
        )


def _newest(event: CompiledCondition, moment: Moment) -> int:
    """Return the newest instant of the event that a leaf asks for."""
    facts = (moment.user.facts.get(id_) for id_ in event.predicates)
    return max((each[-1] for each in facts if each), default=NEVER)
