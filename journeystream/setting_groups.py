"""A group of settings, and how it tells what is wrong between them.

Law: what is wrong between settings is told beside what is wrong with each, at the place of the
setting to change. (A validator after the fields would stay silent until every field is right.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

_Group = TypeVar("_Group", bound="Settings")


class Settings(BaseModel):
    """A group of settings; a field's docstring is its description in the JSON Schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def built(
    data: object, build: ModelWrapValidatorHandler[_Group], found: Iterable[InitErrorDetails]
) -> _Group:
    """Build a group, or raise all that is wrong: what was `found`, and what its fields say."""
    details = list(found)
    try:
        group = build(data)
    except ValidationError as error:
        details += [
            InitErrorDetails(
                # pydantic knows its own types only, and not even all of those ("path_type").
                type=PydanticCustomError(each["type"], each["msg"], each.get("ctx")),
                loc=each["loc"],
                input=each["input"],
            )
            for each in error.errors(include_url=False)
        ]
    if details:
        # What was written may be a secret.
        raise ValidationError.from_exception_data("settings", details, hide_input=True)
    return group


def wrong(place: tuple[int | str, ...], text: str) -> InitErrorDetails:
    """Return a problem at a place of the group: what is wrong, and what to do."""
    return InitErrorDetails(
        type="value_error", loc=place, input=None, ctx={"error": ValueError(text)}
    )


def setting_of(group: object, name: str) -> object:
    """Return a setting of a group that may be anything yet; None if it has none."""
    return group.get(name) if isinstance(group, Mapping) else getattr(group, name, None)
