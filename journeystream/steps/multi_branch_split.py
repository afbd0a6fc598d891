"""`multi_branch_split`: many conditions, each with a way of its own, in one of three modes.

* `every_match` (default): the user waits at the split and goes down each branch, once, when
  its condition holds; branches need not exclude each other. The wait ends when every branch
  is taken, at the time-out, or with the instance. The time-out's own way is taken only if no
  branch was. A branch that comes true at the instant of the time-out is still taken.
* `first_match`: decided at arrival; the first branch whose condition holds, or
  `everyone_else`.
* `first_to_happen`: the user waits, and goes only down the branch whose condition holds first
  (of several at the same instant, the first in the list), or the time-out's way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from journeystream.condition_language import Condition
from journeystream.conditions import CompiledCondition, Moment, earliest, flip
from journeystream.durations import parse_duration
from journeystream.steps.contract import (
    STAY,
    CompiledStep,
    Decision,
    Fork,
    Go,
    StepDefinition,
    Surroundings,
    Timeout,
    Way,
)
from journeystream.user import Position

_TIMEOUT = "timeout"
Branches = list[tuple[str, CompiledCondition, str | None]]
Behaviour = tuple[Callable[[Moment, Position], Decision], Callable[[Moment, Position], int | None]]


class Branch(BaseModel):
    """A condition and the way of those who fulfil it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="unique in the split")
    condition: Condition
    next: str | None = Field(None, description="step id; without it the path ends")


class MultiBranchSplit(StepDefinition):
    """Users go down the branch (or branches) whose condition they meet."""

    type: Literal["multi_branch_split"]
    mode: Literal["every_match", "first_match", "first_to_happen"] = "every_match"
    branches: list[Branch] = Field(min_length=1)
    everyone_else: Way | None = Field(None, description="first_match: the way of all others")
    timeout: Timeout | None = Field(None, description="the modes that wait: how long at most")

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        if self.mode != "first_match" and self.everyone_else is not None:
            raise ValueError("everyone_else belongs to mode first_match; write a timeout instead")
        if self.mode == "first_match" and self.timeout is not None:
            raise ValueError("timeout belongs to the modes that wait; write everyone_else instead")
        names = [branch.name for branch in self.branches]
        if len(set(names)) < len(names):
            raise ValueError(f"branch names {names} are not unique; give each its own")
        return self

    @property
    def waits_forever(self) -> bool:
        """Whether a user may wait here until the instance ends."""
        return self.mode == "every_match" and self.timeout is None

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield every branch, then the way of those who take none."""
        for index, branch in enumerate(self.branches):
            yield f"branches[{index}].next", branch.next
        if self.everyone_else is not None:
            yield "everyone_else.next", self.everyone_else.next
        if self.timeout is not None:
            yield "timeout.next", self.timeout.next

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield every branch's condition."""
        for index, branch in enumerate(self.branches):
            yield f"branches[{index}].condition", branch.condition

    def waits_for(self, position: Position) -> Iterator[tuple[str, Condition]]:
        """Yield the conditions of the branches that are left, by name."""
        for branch in self.branches:
            if branch.name not in position.taken:
                yield branch.name, branch.condition

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour of the mode."""
        branches = [
            (branch.name, around.condition(branch.condition), branch.next)
            for branch in self.branches
        ]
        match self.mode:
            case "every_match":
                decide, turns = self._every_match(branches, around)
            case "first_to_happen":
                decide, turns = self._first_to_happen(branches, around)
            case "first_match":
                decide, turns = self._first_match(branches)
        patience = parse_duration(self.timeout.after) if self.timeout else None
        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=turns,
            conditions=tuple(condition for _, condition, _ in branches),
            remaining=self._remaining if self.mode == "first_match" else None,
            traits=around.zone_traits if patience and patience.months else frozenset(),
        )

    @property
    def _remaining(self) -> str:
        """The name of everyone else's way."""
        return (self.everyone_else.name if self.everyone_else else "") or "everyone else"

    def _first_match(self, branches: Branches) -> Behaviour:
        rest = self.everyone_else
        others = Go(rest.next if rest else None, self._remaining)

        def decide(moment: Moment, _: Position) -> Decision:
            return _first_way(branches, moment) or others

        return decide, lambda _moment, _position: None

    def _first_to_happen(self, branches: Branches, around: Surroundings) -> Behaviour:
        too_late = Go(self.timeout.next if self.timeout else None, _TIMEOUT)
        deadline = self._deadline(around)

        def decide(moment: Moment, position: Position) -> Decision:
            way = _first_way(branches, moment)
            if way is not None:
                return way
            until = deadline(moment, position)
            return STAY if until is None or moment.now < until else too_late

        def turns(moment: Moment, position: Position) -> int | None:
            flips = (flip(condition, moment) for _, condition, _ in branches)
            return earliest((*flips, deadline(moment, position)))

        return decide, turns

    def _deadline(self, around: Surroundings) -> Callable[[Moment, Position], int | None]:
        patience = parse_duration(self.timeout.after) if self.timeout else None
        if patience is None:
            return lambda _moment, _position: None
        return lambda moment, position: patience.after(position.since, around.zone_of(moment.user))

    def _every_match(self, branches: Branches, around: Surroundings) -> Behaviour:
        untaken = Go(self.timeout.next if self.timeout else None, _TIMEOUT)
        deadline = self._deadline(around)

        def decide(moment: Moment, position: Position) -> Decision:
            # Not by their number: a newer version may lack a branch that was taken.
            left = [branch for branch in branches if branch[0] not in position.taken]
            matched = tuple(
                (name, onward) for name, condition, onward in left if condition.holds(moment)
            )
            until = deadline(moment, position)
            over = until is not None and moment.now >= until
            if over and not (position.taken or matched):
                return untaken
            if matched or over:
                return Fork(matched, done=over or len(matched) == len(left))
            return STAY

        def turns(moment: Moment, position: Position) -> int | None:
            flips = (
                flip(condition, moment)
                for name, condition, _ in branches
                if name not in position.taken
            )
            return earliest((*flips, deadline(moment, position)))

        return decide, turns


def _first_way(branches: Branches, moment: Moment) -> Go | None:
    for name, condition, onward in branches:
        if condition.holds(moment):
            return Go(onward, name)
    return None
