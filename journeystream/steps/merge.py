"""`merge`: paths of a split come together again.

Of the positions of one instance that come here, the first goes on and the others end, each
leaving the send step before it. A position that comes back in a loop begins a new round.
A merge that nothing follows does nothing, and is left out (`without_closing_merges`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from journeystream.steps.contract import CompiledStep, Join, StepDefinition, Surroundings


class Merge(StepDefinition):
    """A user whose paths meet here goes on once."""

    type: Literal["merge"]
    next: str | None = Field(None, description="step id; a merge without it is left out")

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the only way out."""
        yield "next", self.next

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: the engine knows who has been here."""
        del around  # nothing of it matters
        join = Join(self.next)
        return CompiledStep(
            id=self.id, name=self.title, type=self.type, decide=lambda _moment, _position: join
        )


def closing_merges(steps: Sequence[StepDefinition]) -> set[str]:
    """Return the ids of merges that nothing follows, or only others of the kind."""
    closing: set[str] = set()
    while found := {
        step.id
        for step in steps
        if isinstance(step, Merge)
        and step.id not in closing
        and (step.next is None or step.next in closing)
    }:
        closing |= found
    return closing


def without_closing_merges(steps: Sequence[StepDefinition]) -> list[StepDefinition]:
    """Return the steps without closing merges; what led to one ends its path there."""
    closing = closing_merges(steps)
    if not closing:
        return list(steps)
    return [_end_at(step, closing) for step in steps if step.id not in closing]


def _end_at(step: StepDefinition, closing: Collection[str]) -> StepDefinition:
    ends = [path for path, target in step.targets() if target in closing]
    if not ends:
        return step
    written = step.model_dump(by_alias=True)
    for path in ends:
        *above, last = re.findall(r"[^.\[\]]+", path)
        place: Any = written
        for part in above:
            place = place[int(part) if part.isdecimal() else part]
        place[last] = None
    return type(step).model_validate(written)
