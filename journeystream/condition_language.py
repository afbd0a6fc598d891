"""The conditions that a definition may write: a tree of `all`, `any`, `not` over leaves.

One language for entries, waits, splits, exits, goals and audiences. Wherever a condition may
stand, a text may stand too: the same tree in one string (`condition_text.py`). What a condition
means is in `conditions.py`; this file, and `event_language.py` for events, only say what may
be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from journeystream.comparisons import Scalar
from journeystream.condition_printing import print_condition
from journeystream.condition_text import parse_condition
from journeystream.date_comparisons import DatedComparison
from journeystream.event_language import (
    ANY_NAME,
    EventFilter,
    EventLeaf,
    InactionLeaf,
    SequenceLeaf,
    Written,
)
from journeystream.setting_types import SpanText

__all__ = [
    "ANY_NAME",
    "COMPUTED",
    "CONDITION_TAGS",
    "AllOf",
    "AnyOf",
    "AudienceLeaf",
    "Condition",
    "EventFilter",
    "EventLeaf",
    "InactionLeaf",
    "JourneyLeaf",
    "ListLeaf",
    "Not",
    "SequenceLeaf",
    "TraitLeaf",
    "Written",
    "text_of",
]

COMPUTED = "computed"
"""Traits below this name are computed traits."""

_LEAVES = ("event", "trait", "audience", "list", "journey", "inaction", "sequence")
_FORMS = ("all", "any", "not", *_LEAVES, "page", "screen")
# No field is called so: a tag can be told from a field in the path of a problem.
CONDITION_TAGS = tuple(f"<{form}>" for form in _FORMS)


class TraitLeaf(DatedComparison):
    """What a trait of the user is now, since when, or whether it changed.

    Dotted paths lead into nested traits, and `computed.ID` to a computed trait.
    """

    trait: str = Field(min_length=1, description="path of the trait, as in `address.city`")
    changed: bool | None = Field(
        None, description="whether its value changed, `within` a window, `since` entry, or ever"
    )
    changed_to: Scalar | None = Field(
        None, description="it has this value now, and its last change was `within` or `since`"
    )
    within: SpanText | None = Field(
        None, description="with changed, changed_to: in the last `1 day`"
    )
    since: Literal["entry", "step"] | None = Field(
        None, description="with changed, changed_to: after the user entered, or reached this step"
    )
    has_been: Scalar | None = Field(None, description="it has had this value `for` so long")
    for_: SpanText | None = Field(
        None, alias="for", description="with has_been: at least `30 days`"
    )

    @model_validator(mode="after")
    def _is_about_one_thing(self) -> Self:
        if (self.has_been is None) != (self.for_ is None):
            raise ValueError(
                "write `has_been` and `for` together, as in 'has_been: pro, for: 1 day'"
            )
        if self.within is not None and self.since is not None:
            raise ValueError("write `within` or `since`, not both")
        if (self.within or self.since) and not self.asks_for_change:
            raise ValueError("`within` and `since` go with `changed` or `changed_to`")
        if self.computed is not None and (self.asks_for_change or self.has_been is not None):
            raise ValueError("nobody notes when a computed trait changes: compare its value")
        return self

    def says_something(self) -> bool:
        """Tell whether any operator was written."""
        return super().says_something() or self.asks_for_change or self.has_been is not None

    def compares(self) -> bool:
        """Tell whether the value itself is compared."""
        return super().says_something()

    @property
    def asks_for_change(self) -> bool:
        """Whether the leaf asks if the trait changed."""
        return self.changed is not None or self.changed_to is not None

    @property
    def computed(self) -> str | None:
        """The id of the computed trait that the leaf asks for, if it does."""
        origin, _, rest = self.trait.partition(".")
        return rest.partition(".")[0] if origin == COMPUTED and rest else None

    @classmethod
    def known_operators(cls) -> tuple[str, ...]:
        """Return the operators' names as definitions write them."""
        return (*super().known_operators(), "changed", "changed_to", "has_been")


class AudienceLeaf(Written):
    """Whether the user is in an audience, a named condition that was published on its own.

    `segment` may be written for `audience`.
    """

    audience: str = Field(min_length=1, description="id of a published audience")


class ListLeaf(Written):
    """Whether somebody put the user into a list: an uploaded one, by the API, or by a step."""

    list: str = Field(min_length=1, description="id of the list")


class JourneyLeaf(Written):
    """Where the user is in a journey, or how they left it."""

    journey: str = Field(min_length=1, description="id of a journey")
    is_: Literal["in", "has_completed", "has_exited", "reached_goal", "at_step"] = Field(
        alias="is", description="where the user is, or what became of them"
    )
    goal: str | None = Field(None, description="with reached_goal: this one; default: any")
    step: str | None = Field(None, description="with at_step: the step's id")
    reason: str | None = Field(
        None,
        description="with has_exited: for this reason, as in `exit_condition`, or "
        "`exit_condition: NAME`",
    )
    within: SpanText | None = Field(
        None, description="with has_exited (any reason) or reached_goal: in the last `30 days`"
    )

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if (self.step is not None) != (self.is_ == "at_step"):
            raise ValueError("`step` goes with `is: at_step`, and `is: at_step` with a step")
        if self.goal is not None and self.is_ != "reached_goal":
            raise ValueError("`goal` goes with `is: reached_goal`")
        if self.reason is not None and self.is_ != "has_exited":
            raise ValueError("`reason` goes with `is: has_exited`")
        if self.within is not None and (
            self.is_ not in ("has_exited", "reached_goal") or self.reason is not None
        ):
            raise ValueError(
                "`within` goes with `is: has_exited` without a reason, or reached_goal"
            )
        return self


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


def _as_tree(written: object) -> object:
    if isinstance(written, str):
        return parse_condition(written, _check)
    if isinstance(written, Mapping) and "segment" in written and "audience" not in written:
        return {"audience" if key == "segment" else key: each for key, each in written.items()}
    return written


@dataclass(frozen=True, slots=True)
class _OrText:
    """A condition may be written as one string, and an audience be called a segment."""

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401  pydantic's protocol
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_tree, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        text = {"type": "string", "description": "a condition in one string: plan == 'pro'"}
        return {"anyOf": [text, handler(schema)]}


_Tree = Annotated[
    Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Not, Tag("<not>")]
    | Annotated[EventLeaf, Tag("<event>")]
    | Annotated[TraitLeaf, Tag("<trait>")]
    | Annotated[AudienceLeaf, Tag("<audience>")]
    | Annotated[ListLeaf, Tag("<list>")]
    | Annotated[JourneyLeaf, Tag("<journey>")]
    | Annotated[InactionLeaf, Tag("<inaction>")]
    | Annotated[SequenceLeaf, Tag("<sequence>")],
    Discriminator(
        _form,
        custom_error_type="condition",
        custom_error_message=f"not a condition: begin with one of {', '.join(_FORMS)}",
    ),
]
Condition = Annotated[_Tree, _OrText()]

for _model in (AllOf, AnyOf, Not):
    _model.model_rebuild()

_LEAF: TypeAdapter[Any] = TypeAdapter(Condition)


def text_of(condition: Condition) -> str:
    """Write a condition as one string, which reads as the same condition."""
    return print_condition(
        _LEAF.dump_python(condition, mode="json", by_alias=True, exclude_none=True)
    )


def _check(leaf: Mapping[str, object]) -> None:
    """Raise ValueError when a leaf of a text can not be."""
    try:
        _LEAF.validate_python(leaf)
    except ValidationError as error:
        (first, *_) = error.errors()
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"{first['loc'][-1]!r} is not known here"
        raise ValueError(message) from None
