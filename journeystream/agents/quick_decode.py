"""The usual event decoded for less; anything else as ever.

Most records are `track`, `page` or `screen` calls, and into most of these nobody looks: no live
journey reads an event of that name. Of such a one only what every event is asked for is parsed.

Law: what comes out is what `decode.py` makes of the same record. Whatever is not plainly a usual
event is left to it: so errors, corrections of clocks and rare calls are in one place. One thing is
not told: a number too large for a double makes no dead letter in what nobody reads, which is a
field that no event is asked for, or the properties and context of an event that is not read. Who
reads these after all, because the user is new to a journey that everybody may enter, finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec
import orjson

from journeystream.agents.decode import DEEPEST, LONGEST_ID, DecodeLimits, decode
from journeystream.durations import LAST_INSTANT, parse_instant
from journeystream.events import ClockMark, Event, Message

Reads = Callable[[str, str], bool]
"""Whether anybody looks into events of a kind and name."""
_NOTHING = msgspec.Raw()
_NAMED = frozenset(("page", "screen"))
_OBJECT = ord("{")


class _Said(msgspec.Struct, gc=False, rename="camel"):
    """What every event is asked for; the rest of it is checked to be JSON, and passed over."""

    type: str
    message_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    timestamp: str | None = None
    original_timestamp: object = None
    sent_at: object = None
    event: str | None = None
    name: object = None
    properties: msgspec.Raw = _NOTHING
    context: msgspec.Raw = _NOTHING


class _Unread(Mapping[str, object]):
    """An object that is parsed if somebody looks into it after all."""

    __slots__ = ("_found", "_raw")

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw
        self._found: dict[str, object] | None = None

    def _parsed(self) -> dict[str, object]:
        if self._found is None:
            try:
                self._found = orjson.loads(memoryview(self._raw))
            except orjson.JSONDecodeError:
                self._found = {}
        return self._found

    def __getitem__(self, name: str) -> object:
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __len__(self) -> int:
        return len(self._parsed())


_said_in = msgspec.json.Decoder(_Said).decode
_UNLIKE = (msgspec.DecodeError, RecursionError, ValueError, OverflowError)


def all_are_read(kind: str, name: str) -> bool:
    """Look into every event."""
    del kind, name
    return True


def quick_decode(
    value: bytes | None, record_time: int, limits: DecodeLimits, reads: Reads
) -> Message | ClockMark:
    """Decode one record as `decode` does, which see."""
    if value and len(value) <= limits.message_bytes and not limits.replies:
        try:
            event = _usual(value, record_time, limits, reads)
        except _UNLIKE:
            event = None
        if event is not None:
            return event
    return decode(value, record_time, limits)


def _usual(value: bytes, record_time: int, limits: DecodeLimits, reads: Reads) -> Event | None:
    """Return the event if it plainly is a usual one; it may raise what is in _UNLIKE."""
    said = _said_in(value)
    kind, user_id, name = said.type, said.user_id, said.event
    if kind != "track":
        if kind not in _NAMED or not isinstance(said.name, str):
            return None
        name = said.name
    if not value.isascii():
        value.decode()  # what is passed over was not looked at
    is_corrected = said.sent_at is not None and said.original_timestamp is None
    if not name or is_corrected or value.count(b"{") + value.count(b"[") > DEEPEST:
        return None
    anonymous = not user_id
    if anonymous:
        user_id = said.anonymous_id
    if not user_id or len(user_id) > LONGEST_ID or "\0" in user_id:
        return None
    at = record_time if said.timestamp is None else parse_instant(said.timestamp)
    if not (
        limits.oldest_event <= at <= record_time + limits.clock_skew
        and 0 <= record_time <= LAST_INSTANT
    ):
        return None
    inside = _read if reads(kind, name) else _unread
    properties, context = inside(said.properties), inside(said.context)
    if properties is None or context is None:
        return None
    at = min(at, record_time)
    return Event(user_id, kind, name, at, properties, context, said.message_id or None, anonymous)


def _read(raw: msgspec.Raw) -> Mapping[str, object] | None:
    """Return an object; None if it is none, ValueError if it can not be read."""
    found = orjson.loads(memoryview(raw)) if raw is not _NOTHING else {}
    return found if isinstance(found, dict) else None


def _unread(raw: msgspec.Raw) -> Mapping[str, object] | None:
    """Return an object as it came; None if it is none."""
    if raw is _NOTHING:
        return {}
    return _Unread(raw) if memoryview(raw)[0] == _OBJECT else None
