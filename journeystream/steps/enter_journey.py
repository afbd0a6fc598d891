"""`enter_journey`: the user enters another journey, and goes on in this one.

The other journey's own rules decide: a paused or unknown one lets nobody in, and who may not
enter again does not. Its entry condition is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from journeystream.comparisons import MISSING
from journeystream.conditions import Moment
from journeystream.sources import SOURCE_PATTERN, entry_paths_in, look_up
from journeystream.steps.contract import (
    ID_PATTERN,
    CompiledStep,
    Decision,
    Enter,
    StepDefinition,
    Surroundings,
)
from journeystream.user import Position


class EnterJourney(StepDefinition):
    """An instance of another journey begins here."""

    type: Literal["enter_journey"]
    journey: str = Field(pattern=ID_PATTERN, description="id of the other journey")
    properties: dict[str, Annotated[str, Field(pattern=SOURCE_PATTERN)]] = Field(
        default_factory=dict,
        description="what its entry event seems to have had: name -> `entry.PATH`, `traits.PATH`",
    )
    next: str | None = Field(None, description="step id; without it the path ends")

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the only way out."""
        yield "next", self.next

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield the properties' sources."""
        for name, source in self.properties.items():
            yield f"properties.{name}", source

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: name the journey; the engine opens it."""
        del around  # nothing of it matters

        def decide(moment: Moment, _: Position) -> Decision:
            found = {
                name: look_up(source, moment.user, moment.instance)
                for name, source in self.properties.items()
            }
            known = {name: value for name, value in found.items() if value is not MISSING}
            return Enter(self.journey, known, self.next)

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            entry_paths=entry_paths_in(self.properties.values()),
        )
