"""An event destination: Audience Entered and Audience Exited, as track or identify calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from journeystream.durations import iso
from journeystream.effects import DecisionRequest, ProfileChange, StepMembership
from journeystream.sinks.records import OutRecord

_EVENTS = {"entered": "Audience Entered", "exited": "Audience Exited"}
_TRUTH = {"entered": "true", "exited": "false"}


@dataclass(frozen=True, slots=True)
class EventSink:
    """Every effect is one message, keyed by its user."""

    topic: str
    call: Literal["track", "identify"]

    def records(self, effect: StepMembership) -> list[OutRecord]:
        """Return the message of one effect."""
        said = {**effect.attributes, effect.key: _TRUTH[effect.change]}
        message: dict[str, object] = {"type": self.call}
        if self.call == "track":
            message["event"] = _EVENTS[effect.change]
        message["anonymousId" if effect.anonymous else "userId"] = effect.user_id
        message["messageId"] = effect.message_id
        message["timestamp"] = iso(effect.at)
        message["properties" if self.call == "track" else "traits"] = said
        message["context"] = context_of(effect)
        return [OutRecord(self.topic, effect.user_id.encode(), orjson.dumps(message))]


def context_of(effect: StepMembership) -> dict[str, object]:
    """Return where in which journey the effect arose, and on exit why."""
    context = journey_context(effect)
    if effect.reason is not None:
        context["exit"] = {"reason": effect.reason, "detail": effect.detail}
    return context


def journey_context(effect: StepMembership | ProfileChange | DecisionRequest) -> dict[str, object]:
    """Return at which step of which journey the effect arose."""
    return {
        "journey": {
            "id": effect.journey,
            "version": effect.version,
            "instance": effect.instance,
            "step": effect.step,
        }
    }
