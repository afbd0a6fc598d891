"""`send_to_destinations`: tell destinations that the user is here, and later that they left.

The user is in a send step from when it is told until the next step that is not a wait, or until
the instance ends; the engine keeps that promise (`engine.py`). A path that ends here lets the
user rest here.

It is told on arrival, unless `sending` says otherwise (`sending.py`). While it is held, this step
is like a wait: the user is still in the send step before. When it is discarded the user passes
by: they leave the send step before, nobody is told of this one, and they go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from journeystream.conditions import Moment
from journeystream.sending import Sending
from journeystream.sources import entry_paths_in
from journeystream.steps.contract import (
    STAY,
    CompiledStep,
    Decision,
    PassBy,
    StepDefinition,
    Surroundings,
    Tell,
)
from journeystream.user import Position

NAME_TAG, SEND_TAG = "<name>", "<send>"
KEY_PATTERN = r"^[A-Za-z0-9_.-]{1,255}$"


class SendTo(BaseModel):
    """A destination with attributes of its own for this step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="a destination of the project file")
    attributes: dict[str, str] = Field(
        default_factory=dict,
        description="output name -> `traits.PATH`, `entry.PATH`, `results.PATH` or "
        "`text.ANYTHING`, over the destination's own",
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
    sending: Sending | None = Field(None, description="what is otherwise than in the journey")
    next: str | None = Field(None, description="step id; without it the user rests here")

    @property
    def sends(self) -> list[SendTo]:
        """The destinations, each with its attributes."""
        return [SendTo(name=sent) if isinstance(sent, str) else sent for sent in self.destinations]

    def targets(self) -> Iterator[tuple[str, str | None]]:
        """Yield the only way out."""
        yield "next", self.next

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield the attributes' sources."""
        for index, sent in enumerate(self.sends):
            for name, source in sent.attributes.items():
                yield f"destinations[{index}].attributes.{name}", source

    def compile(self, around: Surroundings) -> CompiledStep:
        """Return the behaviour: tell when it is allowed; the engine holds the membership."""
        rules = (self.sending or Sending()).over(around.sending)
        permit = rules.compile(around.journey)
        tell, pass_by = Tell(self.next, permit.scopes if permit else ()), PassBy(self.next)
        mappings = {
            sent.name: {**around.attributes_of(sent.name), **sent.attributes} for sent in self.sends
        }

        def turns(moment: Moment, _: Position) -> int | None:
            zone = around.zone_of(moment.user)
            return permit.answer(moment.user, moment.now, zone) if permit else None

        def decide(moment: Moment, position: Position) -> Decision:
            if permit is None:
                return tell
            allowed = turns(moment, position)
            if allowed is None:
                return pass_by
            return STAY if allowed > moment.now else tell

        return CompiledStep(
            id=self.id,
            name=self.title,
            type=self.type,
            decide=decide,
            turns=turns,
            # Until it is told, the user is still in the send step before.
            gate=True,
            key=around.key,
            destinations=mappings,
            traits=around.zone_traits if permit else frozenset(),
            entry_paths=entry_paths_in(
                source for mapping in mappings.values() for source in mapping.values()
            ),
        )
