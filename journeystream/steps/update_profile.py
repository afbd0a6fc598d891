"""`update_profile`: change what is known of the user, here and downstream.

Traits can be set, unset, counted up and down and used as lists; static audiences can be joined
and left. Conditions see the change at the same instant. What `profile.py` says holds for each
operation: one that does not fit (a text is incremented, a source is missing) does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from journeystream.comparisons import MISSING
from journeystream.condition_language import Written
from journeystream.conditions import Moment
from journeystream.sources import SOURCE_PATTERN, entry_paths_in, look_up
from journeystream.steps.contract import (
    Change,
    CompiledStep,
    Decision,
    Operation,
    StepDefinition,
    Surroundings,
)
from journeystream.user import Position

_WITH_VALUE = ("set", "add_to_list", "remove_from_list")
_WITH_AMOUNT = ("increment", "decrement")
_ALONE = ("unset", "add_to_audience", "remove_from_audience")


class ProfileOperation(Written):
    """One change: exactly one verb with the name of a trait or audience, and its value."""

    set: str | None = Field(None, min_length=1, description="trait that becomes the value")
    unset: str | None = Field(None, min_length=1, description="trait that is removed")
    increment: str | None = Field(None, min_length=1, description="number to add to; default by 1")
    decrement: str | None = Field(None, min_length=1, description="number to take from")
    add_to_list: str | None = Field(None, min_length=1, description="list that gets the value")
    remove_from_list: str | None = Field(None, min_length=1, description="list that loses it")
    add_to_audience: str | None = Field(None, min_length=1, description="static audience to join")
    remove_from_audience: str | None = Field(None, min_length=1, description="… to leave")
    value: Any = Field(None, description="the value, or by how much")
    from_: str | None = Field(
        None,
        alias="from",
        pattern=SOURCE_PATTERN,
        description="where the value comes from instead, as in `entry.plan` or `traits.city`",
    )

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        verbs = [verb for verb in (*_WITH_VALUE, *_WITH_AMOUNT, *_ALONE) if self._of(verb)]
        if len(verbs) != 1:
            raise ValueError(
                f"write exactly one of {', '.join((*_WITH_VALUE, *_WITH_AMOUNT, *_ALONE))}"
            )
        [verb] = verbs
        given = (self.value is not None) + (self.from_ is not None)
        if verb in _WITH_VALUE and given != 1:
            raise ValueError(f"{verb}: write `value` or `from`")
        if verb in _WITH_AMOUNT and given > 1:
            raise ValueError(f"{verb}: write `value` or `from`, not both")
        if verb in _ALONE and given:
            raise ValueError(f"{verb}: takes no value")
        amount = self.value is not None and verb in _WITH_AMOUNT
        if amount and (isinstance(self.value, bool) or not isinstance(self.value, int | float)):
            raise ValueError(f"{verb}: {self.value!r} is no number")
        return self

    def _of(self, verb: str) -> str | None:
        name: str | None = getattr(self, verb)
        return name

    @property
    def verb(self) -> str:
        """What is done."""
        return next(verb for verb in (*_WITH_VALUE, *_WITH_AMOUNT, *_ALONE) if self._of(verb))

    @property
    def name(self) -> str:
        """The trait or audience it is done to."""
        return self._of(self.verb) or ""


class UpdateProfile(StepDefinition):
    """The user's traits and static audiences change, one operation after the other."""

    type: Literal["update_profile"]
    changes: list[ProfileOperation] = Field(min_length=1)
    next: str | None = Field(None, description="step id; without it the path ends")

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the only way out."""
        yield "next", self.next

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield where values come from."""
        for index, change in enumerate(self.changes):
            if change.from_ is not None:
                yield f"changes[{index}].from", change.from_

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: name the changes; the engine makes them."""
        del around  # nothing of it matters
        verbs = [(each.verb, each.name, each.value, each.from_) for each in self.changes]

        def decide(moment: Moment, _: Position) -> Decision:
            operations = []
            for verb, name, value, source in verbs:
                if source is not None:
                    value = look_up(source, moment.user, moment.instance)  # noqa: PLW2901
                elif value is None and verb in _WITH_AMOUNT:
                    value = 1  # noqa: PLW2901
                if value is not MISSING:
                    operations.append(Operation(verb, name, value))
            return Change(tuple(operations), self.next)

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            entry_paths=entry_paths_in(source for _, source in self.sources()),
        )
