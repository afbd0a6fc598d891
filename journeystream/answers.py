"""What programs are told: frozen models, written as JSON in camelCase with times as texts.

Law: inside an instant is an integer, exact to the microsecond; in JSON it is an ISO 8601 text, cut
to the millisecond as everywhere else.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from journeystream.durations import iso

Instant = Annotated[int, PlainSerializer(iso, return_type=str, when_used="json")]


class Answer(BaseModel):
    """A part of an answer; a field's docstring is its description in a JSON Schema."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    def as_json(self) -> dict[str, object]:
        """Return it as the JSON that programs read."""
        return self.model_dump(mode="json", by_alias=True)
