"""A list destination: a compacted topic that, read from its start, is the list as it is now.

The key is `LIST/USER`: the list is the send step's key, which has no slash. A record adds (or
renews) a member; a record without a value removes them, with the reason in its headers.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from journeystream.durations import iso
from journeystream.effects import StepMembership
from journeystream.sinks.event_destination import context_of
from journeystream.sinks.records import OutRecord


@dataclass(frozen=True, slots=True)
class ListSink:
    """The first arrival adds, the last leave removes; what lies between changes nothing."""

    topic: str

    def records(self, effect: StepMembership) -> list[OutRecord]:
        """Return the change of the list, if the effect is one."""
        if not effect.first_or_last:
            return []
        key = f"{effect.key}/{effect.user_id}".encode()
        headers = [("messageId", effect.message_id.encode())]
        if effect.change == "exited":
            headers.append(("reason", (effect.reason or "").encode()))
            return [OutRecord(self.topic, key, None, headers=headers)]
        member = {
            "list": effect.key,
            "anonymousId" if effect.anonymous else "userId": effect.user_id,
            "messageId": effect.message_id,
            "timestamp": iso(effect.at),
            "attributes": effect.attributes,
            "context": context_of(effect),
        }
        return [OutRecord(self.topic, key, orjson.dumps(member), headers=headers)]
