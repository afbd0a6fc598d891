"""Changes of profiles by update_profile steps, as identify calls that whoever follows can apply.

A trait that was removed is null. A static audience is a trait too, under its id: true for who
joined, false for who left.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from journeystream.durations import iso
from journeystream.effects import ProfileChange
from journeystream.sinks.event_destination import journey_context
from journeystream.sinks.records import OutRecord


@dataclass(frozen=True, slots=True)
class ProfileSink:
    """Every change is one message, keyed by its user."""

    topic: str

    def records(self, effect: ProfileChange) -> list[OutRecord]:
        """Return the message of one change."""
        message = {
            "type": "identify",
            "anonymousId" if effect.anonymous else "userId": effect.user_id,
            "messageId": effect.message_id,
            "timestamp": iso(effect.at),
            "traits": {**effect.audiences, **effect.traits},
            "context": journey_context(effect),
        }
        return [OutRecord(self.topic, effect.user_id.encode(), orjson.dumps(message))]
