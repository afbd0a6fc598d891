"""From a record's bytes to an event, or to the reason why it is none.

Law: whatever the bytes are, the answer is a `Message`, a `ClockMark`, or `RejectedEvent` with a
stable code; nothing else is raised, and nothing is guessed.

Event time is the event's `timestamp`. Where an event carries only a client's time (no
`originalTimestamp` beside `timestamp`) together with `sentAt` and `receivedAt`, the client's
clock is corrected as in the Segment Spec: time + (receivedAt - sentAt). Without a time it is
the record's. A time after the record's is cut to it, or refused when the skew is too large;
so is one before `oldest_event`, which is how a clock that was never set looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from journeystream.agents.fields import instant_of, is_deeper, object_of, shown, text_or_none
from journeystream.agents.handing_over import MOVE_KINDS, move_of
from journeystream.agents.notes import NOTE_KINDS, answer_of, note_of
from journeystream.durations import LAST_INSTANT, iso
from journeystream.errors import RejectedEvent
from journeystream.events import Answered, ClockMark, Erased, Event, Message
from journeystream.project import Project

ERASE_KIND = "delete"
KINDS = frozenset(("track", "identify", "page", "screen", "group", "alias", ERASE_KIND))
CLOCK_KIND = "clock"
_NAMED = frozenset(("track", "page", "screen"))
LONGEST_ID = 512
DEEPEST = 64  # levels of nesting; our own records hold an event's values a few levels deeper


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What is still an event; times are in microseconds.

    `replay` admits clock marks; `notes` admits notes (notes.py), which only our own topic carries.
    `replies`: all are replies of a decision service, whatever their type. In a replay they have to
    say when they were, because their records' time is none of it.
    """

    message_bytes: int
    clock_skew: int
    oldest_event: int
    replay: bool
    notes: bool = False
    replies: bool = False


def source_limits(project: Project) -> DecodeLimits:
    """Return what is an event in the sources of a project."""
    return DecodeLimits(
        message_bytes=project.limits.message_bytes,
        clock_skew=project.limits.clock_skew_micros,
        oldest_event=project.limits.oldest_event_instant,
        replay=project.time == "replay",
    )


def decode(value: bytes | None, record_time: int, limits: DecodeLimits) -> Message | ClockMark:
    """Decode one record; `record_time` is the broker's instant. RejectedEvent says why not."""
    message = _object(value, record_time, limits)
    if limits.replies:
        return _reply(message, record_time, limits)
    return _read(message, record_time, limits)


def _read(
    message: Mapping[str, object], record_time: int, limits: DecodeLimits
) -> Message | ClockMark:
    """Read what a record's object says, by its type."""
    kind = message.get("type")
    if kind == CLOCK_KIND and limits.replay:
        origin = text_or_none(message, "origin") or ""
        return ClockMark(instant_of(message, "timestamp", None), origin)
    if limits.notes and (kind in NOTE_KINDS or kind in MOVE_KINDS):
        return _ours(kind, message, record_time, limits)
    if not isinstance(kind, str) or kind not in KINDS:
        raise RejectedEvent("unknown_type", f"type {shown(kind)} is none of {sorted(KINDS)}")
    user_id, anonymous = _user(message)
    if kind == ERASE_KIND:
        return Erased(user_id, _event_time(message, record_time, limits))
    named = kind in _NAMED
    return Event(
        user_id,
        kind,
        _name(message, kind) if named else "",
        _event_time(message, record_time, limits),
        object_of(message, "properties" if named else "traits"),
        object_of(message, "context"),
        text_or_none(message, "messageId") or None,
        anonymous,
        "" if named or anonymous else _previous(message, kind, user_id),
    )


def _object(value: bytes | None, record_time: int, limits: DecodeLimits) -> dict[str, object]:
    """Read the JSON object that any record has to be."""
    if not 0 <= record_time <= LAST_INSTANT:
        raise RejectedEvent("bad_record_time", f"its record's time is {record_time // 1000} ms")
    if not value:
        raise RejectedEvent("empty", "the record has no value")
    if len(value) > limits.message_bytes:
        raise RejectedEvent(
            "too_large",
            f"{len(value)} bytes are more than limits.message_bytes = {limits.message_bytes}",
        )
    try:
        message = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise RejectedEvent("not_json", str(error)) from None
    if value.count(b"{") + value.count(b"[") > DEEPEST and is_deeper(message, DEEPEST):
        raise RejectedEvent("too_deep", f"it is nested more than {DEEPEST} levels deep")
    if not isinstance(message, dict):
        raise RejectedEvent("not_an_object", f"a JSON {type(message).__name__} is no event")
    return message


def _reply(message: Mapping[str, object], record_time: int, limits: DecodeLimits) -> Answered:
    user_id, _ = _user(message)
    if limits.replay:
        instant_of(message, "timestamp", None)
    return answer_of(user_id, _event_time(message, record_time, limits), message)


def _ours(
    kind: str, message: Mapping[str, object], record_time: int, limits: DecodeLimits
) -> Message:
    """Decode what only our own topic carries."""
    user_id, _ = _user(message)
    if kind in MOVE_KINDS:
        return move_of(kind, user_id, message)
    return note_of(kind, user_id, _event_time(message, record_time, limits), message)


def clock_mark(at: int, origin: str = "") -> bytes:
    """Return the value of a record that marks a replay's clock at an instant."""
    return orjson.dumps({"type": CLOCK_KIND, "timestamp": iso(at), "origin": origin})


def _user(message: Mapping[str, object]) -> tuple[str, bool]:
    user_id = _id(message, "userId")
    anonymous = not user_id
    if anonymous:
        user_id = _id(message, "anonymousId")
    if not user_id:
        raise RejectedEvent("no_user", "neither userId nor anonymousId names a user")
    return user_id, anonymous


def _previous(message: Mapping[str, object], kind: str, user_id: str) -> str:
    """Return the other id that an alias or an identify names; empty where there is none."""
    field = {"alias": "previousId", "identify": "anonymousId"}.get(kind)
    previous = _id(message, field) if field is not None else ""
    return "" if previous == user_id else previous


def _id(message: Mapping[str, object], field: str) -> str:
    id_ = text_or_none(message, field) or ""
    if len(id_) > LONGEST_ID or "\0" in id_:
        raise RejectedEvent(
            "bad_user", f"{field} is longer than {LONGEST_ID} characters or holds a NUL"
        )
    return id_


def _name(message: Mapping[str, object], kind: str) -> str:
    name = text_or_none(message, "event" if kind == "track" else "name")
    if kind == "track" and not name:
        raise RejectedEvent("no_event_name", "a track call needs an `event` name")
    return name or ""


def _event_time(message: Mapping[str, object], record_time: int, limits: DecodeLimits) -> int:
    at = instant_of(message, "timestamp", record_time)
    if message.get("sentAt") is not None and _is_clients(message):
        at += instant_of(message, "receivedAt", None) - instant_of(message, "sentAt", None)
    if at > record_time + limits.clock_skew:
        raise RejectedEvent(
            "time_in_future",
            f"its time {shown(message.get('timestamp'))} is after its record's by more than "
            f"limits.clock_skew",
        )
    if at < limits.oldest_event:
        raise RejectedEvent(
            "time_too_old",
            f"its time {shown(message.get('timestamp'))} is before limits.oldest_event",
        )
    return min(at, record_time)


def _is_clients(message: Mapping[str, object]) -> bool:
    """Tell whether `timestamp` is a client's own, beside when it was sent and received."""
    given = all(message.get(name) is not None for name in ("timestamp", "receivedAt"))
    return given and message.get("originalTimestamp") is None
