"""Who may enter a journey, how often, and what its goals are: what a definition may say of it.

What it means is in `entering.py`, `runs.py` and `leaving.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from journeystream.calendars.schedules import Schedule
from journeystream.condition_language import AnyOf, AudienceLeaf, Condition, Not, Written
from journeystream.setting_types import SpanText
from journeystream.steps.contract import ID_PATTERN

_MOST_CONCURRENT = 1_000
_POLICIES = ("never", "after_exit", "every_time")
# No field is called so: a tag can be told from a field in the path of a problem.
REENTRY_TAGS = ("<word>", "<after_exit>", "<every_time>")


class Trigger(Written):
    """Another journey's step: whoever reaches it enters this journey."""

    journey: str = Field(min_length=1, description="id of the other journey")
    step: str = Field(min_length=1, description="id of a step of it")


class Runs(Schedule):
    """When users are let in, and at no other time: the newly qualified ones, or everyone."""

    everyone: bool = Field(
        False,
        description="each run takes all who qualify then, not only who has newly qualified",
    )


class Rest(Written):
    """How long a user stays out after leaving."""

    cool_down: SpanText | None = Field(None, description="as in `30 days`: no entry within it")


class AfterExit(Written):
    """A user who left may enter again."""

    after_exit: Rest


class Keyed(Written):
    """How instances of one user beside each other are told apart."""

    key: str = Field(min_length=1, description="property of the entry event, as in `cart_id`")
    most: int = Field(10, ge=1, le=_MOST_CONCURRENT, description="instances of a user at once")
    on_repeat: Literal["ignore", "restart"] = Field(
        "ignore", description="what a key that is inside already means"
    )


class EveryTime(Written):
    """A user may be in the journey several times at once."""

    every_time: Keyed


def _policy(written: object) -> str | None:
    if isinstance(written, str):
        return "<word>"
    for policy in _POLICIES[1:]:
        if (isinstance(written, dict) and policy in written) or hasattr(written, policy):
            return f"<{policy}>"
    return None


Word = Literal["never", "after_exit"]
Reentry = Word | AfterExit | EveryTime


class Entry(Written):
    """Who enters, and whether they may enter again.

    Of several things that are said all must hold: the condition, being in the audience, in any
    of the included and in none of the excluded ones.
    """

    name: str = Field("", description="what people see")
    condition: Condition | None = Field(None, description="users enter when it turns true")
    audience: str | None = Field(None, min_length=1, description="users enter when they join it")
    already_in: bool = Field(
        False, description="whoever qualifies already when this is published enters then"
    )
    use_history: bool = Field(
        False, description="what sources still hold from before this was published counts too"
    )
    include: list[str] = Field(default_factory=list, description="audiences; any of them")
    exclude: list[str] = Field(default_factory=list, description="audiences; none of them")
    trigger: Trigger | None = Field(None, description="users enter when they reach that step")
    by_name: bool = Field(False, description="only users who are enrolled by name enter")
    schedule: Runs | None = Field(
        None, description="users enter only at these runs; default: as soon as they qualify"
    )
    reentry: Annotated[
        Annotated[Word, Tag("<word>")]
        | Annotated[AfterExit, Tag("<after_exit>")]
        | Annotated[EveryTime, Tag("<every_time>")],
        Discriminator(
            _policy,
            custom_error_type="reentry",
            custom_error_message=f"not a policy: write one of {', '.join(_POLICIES)}",
        ),
    ] = Field("never", description="whether users may enter again")
    next: str | None = Field(None, description="the first step; default: the first one listed")

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if self.by_name and (self.trigger or self.already_in or list(self.conditions())):
            raise ValueError("with by_name nothing else is asked; remove it or the rest")
        if not (self.by_name or self.trigger or self.condition or self.audience or self.include):
            raise ValueError("says not who enters; write a condition")
        if self.use_history and not (self.condition or self.audience or self.include):
            raise ValueError("use_history goes with a condition or an audience")
        if self.trigger and self.use_history:
            raise ValueError("use_history goes with a condition or an audience, not with a trigger")
        if self.trigger and self.already_in:
            raise ValueError("already_in goes with a condition or an audience, not with a trigger")
        return self

    @model_validator(mode="after")
    def _can_wait(self) -> Self:
        if self.schedule and not self.admits:
            raise ValueError("a schedule goes with a condition or an audience; remove it")
        if self.schedule and _policy(self.reentry) == "<every_time>":
            raise ValueError(
                "every_time tells instances apart by the event that lets users in, and a run of a "
                "schedule is none; write `reentry: after_exit`"
            )
        return self

    @property
    def meets_all(self) -> bool:
        """Whether users who qualified already when this is published may enter."""
        return self.already_in or (self.schedule is not None and self.schedule.everyone)

    @property
    def admits(self) -> bool:
        """Whether its conditions turning true lets users in."""
        return not self.by_name and self.trigger is None

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield (path, condition) for all that must hold."""
        if self.condition is not None:
            yield "entry.condition", self.condition
        if self.audience is not None:
            yield "entry", AudienceLeaf(audience=self.audience)
        if self.include:
            leaves: list[Condition] = [AudienceLeaf(audience=id_) for id_ in self.include]
            yield "entry.include", AnyOf(any=leaves)
        for index, id_ in enumerate(self.exclude):
            yield f"entry.exclude[{index}]", Not(not_=AudienceLeaf(audience=id_))


class Goal(Written):
    """Something that users should reach on their way; it counts once for each entry."""

    id: str = Field(pattern=ID_PATTERN, description="unique in the journey; stays when renamed")
    name: str = Field("", description="what people see; default: the id")
    condition: Condition
    exits: bool = Field(False, description="whoever reaches it leaves")

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or self.id
