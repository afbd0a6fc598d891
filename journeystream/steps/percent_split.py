"""`percent_split`: chance decides once and for all which way a user goes.

Law: the way is a function of user, journey and step: the same user takes the same path at every
visit, in every version, on every machine. The paths lie on a scale from 0 to 100 in the order
of their names, so that moving them in the file moves nobody; changing a share moves those
between the old and the new bounds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from journeystream.condition_language import Condition
from journeystream.conditions import Moment
from journeystream.effects import stable_id
from journeystream.steps.contract import (
    CompiledStep,
    Decision,
    Go,
    StepDefinition,
    Surroundings,
)
from journeystream.user import Position

_WHOLE = 10_000  # hundredths of a percent


class SharedPath(BaseModel):
    """A path and its share of the users."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="unique in the split; who goes here depends on it")
    share: float = Field(gt=0, le=100, description="percent, with at most two decimals")
    control: bool = Field(False, description="whether the others are measured against this path")
    next: str | None = Field(None, description="step id; without it the path ends")

    @field_validator("share")
    @classmethod
    def _has_two_decimals(cls, share: float) -> float:
        if round(share, 2) != share:
            raise ValueError(f"{share} has more than two decimals; write 33.33")
        return share

    @property
    def hundredths(self) -> int:
        """The share in hundredths of a percent."""
        return round(self.share * 100)


class SplitGoal(BaseModel):
    """What a path is meant to lead to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="unique in the split")
    condition: Condition


class PercentSplit(StepDefinition):
    """Each path gets its share of the users, at random; one may be the control."""

    type: Literal["percent_split"]
    paths: list[SharedPath] = Field(min_length=2)
    goals: list[SplitGoal] = Field([], description="measured per path, against the control")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        names = [path.name for path in self.paths]
        if len(set(names)) < len(names):
            raise ValueError(f"path names {names} are not unique; give each its own")
        goals = [goal.name for goal in self.goals]
        if len(set(goals)) < len(goals):
            raise ValueError(f"goal names {goals} are not unique; give each its own")
        total = sum(path.hundredths for path in self.paths)
        if total != _WHOLE:
            raise ValueError(f"the shares sum to {total / 100:g}; make it exactly 100")
        controls = sum(path.control for path in self.paths)
        if controls > 1:
            raise ValueError(f"{controls} paths are the control; one at most can be")
        if self.goals and not controls:
            raise ValueError("goals are measured against a control; give a path `control: true`")
        return self

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield every path."""
        for index, path in enumerate(self.paths):
            yield f"paths[{index}].next", path.next

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield the goals."""
        for index, goal in enumerate(self.goals):
            yield f"goals[{index}].condition", goal.condition

    def path_of(self, user: str, journey: str) -> SharedPath:
        """Return the path that a user takes."""
        ordered = sorted(self.paths, key=lambda path: path.name)
        bounds = list(accumulate(path.hundredths for path in ordered))
        point = int(stable_id(journey, self.id, user)[:16], 16) % _WHOLE
        return ordered[bisect_right(bounds, point)]

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: draw once, always the same."""
        goals = tuple((goal.name, around.condition(goal.condition)) for goal in self.goals)

        def decide(moment: Moment, _: Position) -> Decision:
            path = self.path_of(moment.user.id, around.journey)
            return Go(path.next, path.name)

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            conditions=tuple(condition for _, condition in goals),
            goals=goals,
            control=next((path.name for path in self.paths if path.control), None),
        )
