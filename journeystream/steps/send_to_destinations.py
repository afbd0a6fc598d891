"""`send_to_destinations`: tell destinations that the user is here, and later that they left.

The user is in a send step from arrival until the next step that is not a wait, or until the
instance ends; the engine keeps that promise (`engine.py`). A path that ends here lets the
user rest here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from journeystream.steps.contract import CompiledStep, Go, StepDefinition, Surroundings

NAME_TAG, SEND_TAG = "<name>", "<send>"
KEY_PATTERN = r"^[A-Za-z0-9_.-]{1,255}$"


class SendTo(BaseModel):
    """A destination with attributes of its own for this step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="a destination of the project file")
    attributes: dict[str, str] = Field(
        default_factory=dict,
        description="output name -> `traits.PATH` or `entry.PATH`, over the destination's own",
    )


class SendToDestinations(StepDefinition):
    """Every destination gets Audience Entered now and Audience Exited later, or a list change."""

    type: Literal["send_to_destinations"]
    destinations: list[
        Annotated[
            Annotated[str, Field(min_length=1), Tag(NAME_TAG)] | Annotated[SendTo, Tag(SEND_TAG)],
            Discriminator(lambda sent: NAME_TAG if isinstance(sent, str | int) else SEND_TAG),
        ]
    ] = Field(min_length=1)
    key: str | None = Field(
        None,
        pattern=KEY_PATTERN,
        description="what destinations know the step by; made from the names when left out",
    )
    next: str | None = Field(None, description="step id; without it the user rests here")

    @property
    def sends(self) -> list[SendTo]:
        """The destinations, each with its attributes."""
        return [SendTo(name=sent) if isinstance(sent, str) else sent for sent in self.destinations]

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the only way out."""
        yield "next", self.next

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: go on at once; the engine holds the membership."""
        onward = Go(self.next)
        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=lambda _moment, _position: onward,
            key=around.key,
            destinations={
                sent.name: {**around.attributes_of(sent.name), **sent.attributes}
                for sent in self.sends
            },
        )
