"""What a definition may write about events: how many, one not after another, one after another.

What it means is in `event_leaves.py` and `ordered_leaves.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from journeystream.comparisons import COMPARISON_TAG, VALUE_TAG, Scalar, value_or_comparison
from journeystream.date_comparisons import DatedComparison
from journeystream.durations import instant_of, parse_duration
from journeystream.setting_types import SpanText

ANY_NAME = "*"
# A user's record keeps as many instants as the leaf counts, and time is asked of each.
MOST_COUNTED = 1_000
MOST_IN_MONTHS = 100
# Of events that are looked at one by one, the newest so many of each kind are kept.
MOST_LOOKED_AT = 100
_LONGEST_SEQUENCE = 10


class Written(BaseModel):
    """A part of a definition file: unknown fields are refused, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class EventComparison(DatedComparison):
    """What a property of an event must be; also compared with the event that began it all."""

    equals_entry: str | None = Field(
        None,
        min_length=1,
        description="the same value as this property of the event that the user entered by",
    )

    def says_something(self) -> bool:
        """Tell whether any operator was written."""
        return super().says_something() or self.equals_entry is not None

    def says_more(self) -> bool:
        """Tell whether anything but `equals_entry` was written."""
        return super().says_something()

    @classmethod
    def known_operators(cls) -> tuple[str, ...]:
        """Return the operators' names as definitions write them."""
        return (*super().known_operators(), "equals_entry")


Wanted = Annotated[
    Annotated[Scalar, Tag(VALUE_TAG)] | Annotated[EventComparison, Tag(COMPARISON_TAG)],
    Discriminator(value_or_comparison),
]


class EventFilter(Written):
    """Events of one name (a track call, a page or a screen) with certain properties.

    `name: "*"` means any name.
    """

    event: str | None = Field(None, min_length=1, description="name of a track event")
    page: str | None = Field(None, min_length=1, description="name of a page call")
    screen: str | None = Field(None, min_length=1, description="name of a screen call")
    where: dict[str, Wanted] = Field(
        default_factory=dict,
        description="property path -> the value it equals, or a comparison; all must hold. "
        "A path that begins with `context.` looks in the event's context",
    )

    @model_validator(mode="after")
    def _has_one_name(self) -> Self:
        if sum(name is not None for name in (self.event, self.page, self.screen)) != 1:
            raise ValueError("name exactly one of event, page, screen")
        return self

    @property
    def kind_and_name(self) -> tuple[str, str]:
        """The kind of call (`track`, `page`, `screen`) and the name asked for."""
        if self.event is not None:
            return "track", self.event
        return ("page", self.page) if self.page is not None else ("screen", self.screen or "")

    @property
    def entry_paths(self) -> dict[str, str]:
        """The properties that must equal one of the entry event's: path -> path there."""
        return {
            path: wanted.equals_entry
            for path, wanted in self.where.items()
            if isinstance(wanted, EventComparison) and wanted.equals_entry is not None
        }


class EventLeaf(EventFilter):
    """So many events, in a window of time.

    Without an operator: at least one. Without a window: ever.
    """

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
    within: SpanText | None = Field(
        None, description="rolling window: the events of the last `1 day`"
    )
    since: Literal["entry", "step"] | None = Field(
        None, description="only events after the user entered the journey, or reached this step"
    )
    after: datetime | None = Field(None, description="only events at or after this time")
    before: datetime | None = Field(None, description="only events before this time")

    @field_validator("after", "before")
    @classmethod
    def _bounds_are_aware(cls, moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment

    @model_validator(mode="after")
    def _is_one_question(self) -> Self:
        if sum(count is not None for count in self.counts) > 1:
            raise ValueError("write one of at_least, at_most, exactly, between")
        if self.within is not None and self.since is not None:
            raise ValueError("write `within` or `since`, not both")
        if self.between is not None and not 0 <= self.between[0] <= self.between[1] <= MOST_COUNTED:
            raise ValueError(
                f"between {list(self.between)}: write [low, high], at most {MOST_COUNTED}"
            )
        most = max(self.bounds)
        if self.within and parse_duration(self.within).months and most > MOST_IN_MONTHS:
            raise ValueError(f"a window of months counts at most {MOST_IN_MONTHS} events")
        if self.entry_paths and most >= MOST_LOOKED_AT:
            raise ValueError(f"with equals_entry fewer than {MOST_LOOKED_AT} events are counted")
        if self.after and self.before and self.after >= self.before:
            raise ValueError("`after` must lie before `before`")
        return self

    @property
    def counts(self) -> tuple[object, ...]:
        """The count operators, written or not."""
        return (self.at_least, self.at_most, self.exactly, self.between)

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


def _named(written: object) -> object:
    return {"event": written} if isinstance(written, str) else written


OneEvent = Annotated[EventFilter, BeforeValidator(_named, json_schema_input_type=EventFilter | str)]


class Inaction(Written):
    """One event, and then not another."""

    did: OneEvent = Field(description="an event: its name, or `event` with `where`")
    without: OneEvent = Field(description="the event that did not follow in time")
    within: SpanText = Field(description="how long it could have followed, as in `15 minutes`")
    since: Literal["entry", "step"] | None = Field(
        None, description="only events after the user entered the journey, or reached this step"
    )


class InactionLeaf(Written):
    """The user did one event and, for so long, not another."""

    inaction: Inaction


class SequenceLeaf(Written):
    """Events one after the other, from the first to the last within a time."""

    sequence: list[OneEvent] = Field(min_length=2, max_length=_LONGEST_SEQUENCE)
    within: SpanText | None = Field(
        None, description="from the first to the last, less than `1 day`; default: any time"
    )
    since: Literal["entry", "step"] | None = Field(
        None, description="only events after the user entered the journey, or reached this step"
    )
