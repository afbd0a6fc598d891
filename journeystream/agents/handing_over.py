"""Messages from one user of ours to another, on their way through the re-keying topic.

Law: what is read is what was written, to the microsecond. So a claim and an adoption say their
instant as a number, which no limit on times cuts, and events and notes are written as their
producers could have.

An adoption carries the other id's record as it is stored (`state/codec.py`), as a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from journeystream.agents.fields import shown, text_or_none
from journeystream.agents.notes import written
from journeystream.durations import exact_iso
from journeystream.errors import RejectedEvent, StateError
from journeystream.events import Adopted, Claimed, Event, Message
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import decode_user, encode_user

MOVE_KINDS = ("claim", "adopt")
_NAMED = ("track", "page", "screen")


def hand_over(topic: str, now: Callable[[], int]) -> Callable[[Message], OutRecord]:
    """Return how a message becomes a record of the re-keying topic."""

    def record(message: Message) -> OutRecord:
        # A record's time bounds its event's, and says how long the topic keeps it.
        at = max(now(), message.at)
        return OutRecord(
            topic, message.user_id.encode(), value_of(message), timestamp_ms=-(-at // 1_000)
        )

    return record


def value_of(message: Message) -> bytes:
    """Return a message as the value of a record."""
    match message:
        case Event():
            return orjson.dumps(_event(message))
        case Claimed():
            said: dict[str, Any] = {"type": "claim", "by": message.by, "openly": message.openly}
        case Adopted():
            said = {
                "type": "adopt",
                "trail": message.trail,
                "record": encode_user(message.record).decode(),
                "messageId": message.message_id,
            }
        case _:
            return written(message)
    return orjson.dumps({**said, "userId": message.user_id, "at": message.at})


def move_of(kind: str, user_id: str, message: Mapping[str, object]) -> Claimed | Adopted:
    """Read a message of one of MOVE_KINDS; RejectedEvent says what is wrong with it."""
    at, openly, trail = message.get("at"), message.get("openly"), message.get("trail")
    if not isinstance(at, int) or isinstance(at, bool):
        raise RejectedEvent("bad_note", f"at is {shown(at)}, which is no instant")
    if kind == "claim":
        return Claimed(user_id, at, _text(message, "by"), openly is True)
    if not isinstance(trail, list) or not trail or not all(isinstance(id_, str) for id_ in trail):
        raise RejectedEvent("bad_note", f"trail is {shown(trail)}, which are no ids")
    try:
        record = decode_user(trail[0], _text(message, "record").encode())
    except StateError as error:
        raise RejectedEvent("bad_note", f"record can not be read: {shown(str(error))}") from None
    return Adopted(user_id, at, record, tuple(trail), _text(message, "messageId"))


def _event(event: Event) -> dict[str, object]:
    named = event.kind in _NAMED
    said: dict[str, object] = {
        "type": event.kind,
        "anonymousId" if event.anonymous else "userId": event.user_id,
        "timestamp": exact_iso(event.at),
        "properties" if named else "traits": dict(event.properties),
        "context": dict(event.context),
    }
    if named:
        said["event" if event.kind == "track" else "name"] = event.name
    if event.previous:
        said["previousId" if event.kind == "alias" else "anonymousId"] = event.previous
    if event.message_id is not None:
        said["messageId"] = event.message_id
    return said


def _text(message: Mapping[str, object], field: str) -> str:
    text = text_or_none(message, field)
    if not text:
        raise RejectedEvent("bad_note", f"{field} is missing")
    return text
