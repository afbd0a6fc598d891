"""What decide steps ask a decision service outside; it answers to the topic `replyTo`.

The answer names the `requestId`, which is the same however often the same request is computed: so
a service may answer again what it has answered, and nothing comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from journeystream.durations import iso
from journeystream.effects import DecisionRequest
from journeystream.sinks.event_destination import journey_context
from journeystream.sinks.records import OutRecord


@dataclass(frozen=True, slots=True)
class RequestSink:
    """Every request is one message, keyed by its user."""

    topic: str
    reply_to: str

    def records(self, effect: DecisionRequest) -> list[OutRecord]:
        """Return the message of one request."""
        message = {
            "type": "decision_request",
            "requestId": effect.message_id,
            "anonymousId" if effect.anonymous else "userId": effect.user_id,
            "flow": effect.flow,
            "maxOffers": effect.most,
            "attributes": effect.attributes,
            "replyTo": self.reply_to,
            "timestamp": iso(effect.at),
            "context": journey_context(effect),
        }
        return [OutRecord(self.topic, effect.user_id.encode(), orjson.dumps(message))]
