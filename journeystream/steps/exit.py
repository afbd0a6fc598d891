"""`exit`: the journey ends for the user here, on every path."""

from __future__ import annotations

from typing import Literal

from journeystream.steps.contract import CompiledStep, Leave, StepDefinition, Surroundings


class Exit(StepDefinition):
    """Everything that the instance still holds is exited; its name is the exit's detail."""

    type: Literal["exit"]

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: leave."""
        del around  # nothing of it matters to someone who leaves
        leave = Leave(detail=self.title)
        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=lambda _moment, _position: leave,
            # What is held is exited by the end of the instance, which says why.
            gate=True,
        )
