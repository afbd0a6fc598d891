"""The conditions that a definition may write: a tree of `all`, `any`, `not` over leaves.

One language for entries, waits, splits, exits and audiences. What a condition means is in
`conditions.py`; this file only says what may be written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from journeystream.comparisons import Comparison, ValueOrComparison
from journeystream.durations import instant_of, parse_duration

ANY_NAME = "*"
_FORMS = ("all", "any", "not", "event", "trait", "audience", "page", "screen")
# A user's record keeps as many instants as the leaf counts, and time is asked of each.
MOST_COUNTED = 1_000
MOST_IN_MONTHS = 100
# No field is called so: a tag can be told from a field in the path of a problem.
CONDITION_TAGS = tuple(f"<{form}>" for form in _FORMS)


class Written(BaseModel):
    """A part of a definition file: unknown fields are refused, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class EventLeaf(Written):
    """So many events of one name (a track call, a page or a screen), in a window of time.

    Without an operator: at least one. Without a window: ever. `name: "*"` means any name.
    """

    event: str | None = Field(None, min_length=1, description="name of a track event")
    page: str | None = Field(None, min_length=1, description="name of a page call")
    screen: str | None = Field(None, min_length=1, description="name of a screen call")
    where: dict[str, ValueOrComparison] = Field(
        default_factory=dict,
        description="property path -> the value it equals, or a comparison; all must hold. "
        "A path that begins with `context.` looks in the event's context",
    )
    at_least: int | None = Field(
        None, ge=1, le=MOST_COUNTED, description="this many events or more"
    )
    at_most: int | None = Field(
        None, ge=0, le=MOST_COUNTED, description="this many events or fewer"
    )
    exactly: int | None = Field(None, ge=0, le=MOST_COUNTED, description="just this many events")
    between: tuple[int, int] | None = Field(
        None, description="from the first to the second number of events, both included"
    )
    within: str | None = Field(None, description="rolling window: the events of the last `1 day`")
    since: Literal["entry", "step"] | None = Field(
        None, description="only events after the user entered the journey, or reached this step"
    )
    after: datetime | None = Field(None, description="only events at or after this time")
    before: datetime | None = Field(None, description="only events before this time")

    @field_validator("within")
    @classmethod
    def _within_is_a_duration(cls, text: str | None) -> str | None:
        if text is not None:
            parse_duration(text)
        return text

    @field_validator("after", "before")
    @classmethod
    def _bounds_are_aware(cls, moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment

    @model_validator(mode="after")
    def _is_one_question(self) -> Self:
        if sum(name is not None for name in (self.event, self.page, self.screen)) != 1:
            raise ValueError("name exactly one of event, page, screen")
        if sum(count is not None for count in self.counts) > 1:
            raise ValueError("write one of at_least, at_most, exactly, between")
        if self.within is not None and self.since is not None:
            raise ValueError("write `within` or `since`, not both")
        if self.between is not None and not 0 <= self.between[0] <= self.between[1] <= MOST_COUNTED:
            raise ValueError(
                f"between {list(self.between)}: write [low, high], at most {MOST_COUNTED}"
            )
        if self.within and parse_duration(self.within).months and max(self.bounds) > MOST_IN_MONTHS:
            raise ValueError(f"a window of months counts at most {MOST_IN_MONTHS} events")
        if self.after and self.before and self.after >= self.before:
            raise ValueError("`after` must lie before `before`")
        return self

    @property
    def counts(self) -> tuple[object, ...]:
        """The count operators, written or not."""
        return (self.at_least, self.at_most, self.exactly, self.between)

    @property
    def kind_and_name(self) -> tuple[str, str]:
        """The kind of call (`track`, `page`, `screen`) and the name asked for."""
        if self.event is not None:
            return "track", self.event
        return ("page", self.page) if self.page is not None else ("screen", self.screen or "")

    @property
    def bounds(self) -> tuple[int, int]:
        """The fewest and the most events that fulfil the leaf; -1 is no upper bound."""
        if self.at_most is not None:
            return 0, self.at_most
        if self.exactly is not None:
            return self.exactly, self.exactly
        if self.between is not None:
            return self.between
        return self.at_least or 1, -1

    @property
    def dates(self) -> tuple[int | None, int | None]:
        """The instants that bound the events' own times: [after, before)."""
        return (
            instant_of(self.after) if self.after else None,
            instant_of(self.before) if self.before else None,
        )


class TraitLeaf(Comparison):
    """What a trait of the user is now; dotted paths lead into nested traits."""

    trait: str = Field(min_length=1, description="path of the trait, as in `address.city`")


class AudienceLeaf(Written):
    """Whether the user is in an audience, a named condition that was published on its own."""

    audience: str = Field(min_length=1, description="id of a published audience")


class AllOf(Written):
    """Every one of the conditions holds."""

    all: list[Condition] = Field(min_length=1)


class AnyOf(Written):
    """At least one of the conditions holds."""

    any: list[Condition] = Field(min_length=1)


class Not(Written):
    """The condition does not hold."""

    not_: Condition = Field(alias="not")


def _form(written: object) -> str | None:
    for form in _FORMS:
        if isinstance(written, dict):
            found = form in written
        else:
            found = getattr(written, "not_" if form == "not" else form, None) is not None
        if found:
            return "<event>" if form in ("page", "screen") else f"<{form}>"
    return None


Condition = Annotated[
    Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[EventLeaf, Tag("<event>")]
    | Annotated[TraitLeaf, Tag("<trait>")]
    | Annotated[AudienceLeaf, Tag("<audience>")],
    Discriminator(
        _form,
        custom_error_type="condition",
        custom_error_message=f"not a condition: begin with one of {', '.join(_FORMS)}",
    ),
]

for _model in (AllOf, AnyOf, Not):
    _model.model_rebuild()
