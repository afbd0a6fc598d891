"""`true_false_split`: one question at arrival, two ways on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from journeystream.condition_language import Condition
from journeystream.steps.contract import CompiledStep, Go, StepDefinition, Surroundings, Way


class TrueFalseSplit(StepDefinition):
    """The condition's truth at arrival decides which way the user goes."""

    type: Literal["true_false_split"]
    condition: Condition
    if_true: Way = Field(description="the way of those for whom the condition is true")
    if_false: Way = Field(description="the way of everyone else")

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield both ways."""
        yield "if_true.next", self.if_true.next
        yield "if_false.next", self.if_false.next

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield the question."""
        yield "condition", self.condition

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: ask once, go."""
        condition = around.condition(self.condition)
        ways = self.if_true.name or "true", self.if_false.name or "false"
        yes, no = Go(self.if_true.next, ways[0]), Go(self.if_false.next, ways[1])
        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=lambda moment, _: yes if condition.holds(moment) else no,
            conditions=(condition,),
            remaining=ways[1],
        )
