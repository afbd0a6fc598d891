"""The usual event decoded for less; anything else as ever.

Most records are `track`, `page` or `screen` calls, and into most of these nobody looks: no live
journey reads an event of that name. Of such a one only what every event is asked for is parsed.

Law: what comes out is what `decode.py` makes of the same record, or stands for it: `Unread`, or
its instant alone. Whatever is not plainly a usual event is left to it: so errors, corrections of
clocks and rare calls are in one place. Two things may not be told of an event that nobody reads:
that a number in it is too large for a double, and, where it is short, that it is nested too deep.
Who reads it after all, because the user is new to a journey that everybody may enter, finds it
without properties and context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import msgspec
import orjson

from journeystream.agents.decode import DEEPEST, LONGEST_ID, DecodeLimits, decode
from journeystream.agents.fields import is_deeper
from journeystream.durations import LAST_INSTANT, parse_instant
from journeystream.events import ClockMark, Event, Message, Unread
from journeystream.journeys import Interest

_NAMED = frozenset(("page", "screen"))
EVERYTHING = Interest(kinds=("track", *_NAMED))
"""Looks into every event."""
_OPENING = b"{["  # what is nested too deep has too many of these; both are counted in one go
# So few bytes are nested 256 deep at most, which harms nobody who does not look into them. What is
# nested much deeper is parsed or not by how deep the calls are that lead here: no law of ours.
_SHALLOW_BYTES = 512


class _Object(msgspec.Struct, gc=False):
    """Some JSON object: what is in it is checked to be JSON, and passed over."""


class _Said(msgspec.Struct, gc=False, rename="camel"):
    """What every event is asked for; the rest of it is checked and passed over in the same way."""

    type: str
    message_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    timestamp: str | None = None
    original_timestamp: object = None
    sent_at: object = None
    event: str | None = None
    name: str | None = None
    properties: _Object | None = None
    context: _Object | None = None


class _Passed(Unread, gc=False):
    """An event that nobody reads, as it came.

    What was parsed of it is not kept: a batch of it would be made, and freed, in cold memory.
    """

    value: bytes

    def event(self) -> Event:
        """Return it as others are."""
        properties, context = (_Later(self.value, name) for name in ("properties", "context"))
        return _event(_said_in(self.value), self.user_id, self.at, properties, context)


class _Later(Mapping[str, object]):
    """An object in a record, parsed if somebody looks into it after all."""

    __slots__ = ("_field", "_found", "_value")

    def __init__(self, value: bytes, field: str) -> None:
        self._value, self._field = value, field
        self._found: Mapping[str, object] | None = None

    def _parsed(self) -> Mapping[str, object]:
        if self._found is None:
            try:
                whole = orjson.loads(self._value)
            except orjson.JSONDecodeError:
                whole = {}
            self._found = {} if is_deeper(whole, DEEPEST) else whole.get(self._field) or {}
        return self._found

    def __getitem__(self, name: str) -> object:
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __len__(self) -> int:
        return len(self._parsed())


_said_in = msgspec.json.Decoder(_Said).decode
_UNLIKE = (msgspec.DecodeError, RecursionError, ValueError, OverflowError)


def quick_decoder(
    limits: DecodeLimits, interest: Interest
) -> Callable[[bytes | None, int], Message | Unread | ClockMark | int]:
    """Return what decodes records as `decode` does, but does not look into all.

    Of an event that nobody reads it returns the instant alone where strangers are of no interest.
    Made for each batch, so that what is the same for all of it is at hand.
    """
    if limits.replies:
        return partial(decode, limits=limits)
    usual, longest = _usual_decoder(limits, interest), limits.message_bytes

    def quick(value: bytes | None, record_time: int) -> Message | Unread | ClockMark | int:
        if value and len(value) <= longest:
            try:
                event = usual(value, record_time)
            except _UNLIKE:
                event = None
            if event is not None:
                return event
        return decode(value, record_time, limits)

    return quick


def _usual_decoder(
    limits: DecodeLimits, interest: Interest
) -> Callable[[bytes, int], Event | Unread | int | None]:
    """Return what makes an event of what plainly is a usual one, and None or _UNLIKE of others."""
    oldest, skew = limits.oldest_event, limits.clock_skew
    named, kinds, strangers = interest.named, interest.kinds, interest.strangers

    def usual(value: bytes, record_time: int) -> Event | Unread | int | None:
        said = _said_in(value)
        kind, name = said.type, said.event
        if kind != "track":
            if kind not in _NAMED:
                return None
            name = said.name
        user_id = said.user_id or said.anonymous_id
        is_corrected = said.sent_at is not None and said.original_timestamp is None
        if is_corrected or not name or not user_id or len(user_id) > LONGEST_ID or "\0" in user_id:
            return None
        if not value.isascii():
            value.decode()  # what is passed over was not looked at
        at = record_time if said.timestamp is None else parse_instant(said.timestamp)
        if not (oldest <= at <= record_time + skew and 0 <= record_time <= LAST_INSTANT):
            return None
        at = record_time if at > record_time else at  # noqa: FURB136  a third of a call
        if (kind, name) not in named and kind not in kinds:
            if len(value) > _SHALLOW_BYTES and _may_be_too_deep(value):
                return None
            return _Passed(user_id, at, value) if strangers else at
        return None if _may_be_too_deep(value) else _looked_into(said, user_id, at, value)

    return usual


def _may_be_too_deep(value: bytes) -> bool:
    """Tell whether an object has so many others in it that they may be nested too deep."""
    return len(value) - len(value.translate(None, _OPENING)) > DEEPEST


def _looked_into(said: _Said, user_id: str, at: int, value: bytes) -> Event:
    """Return an event that somebody reads."""
    inside = orjson.loads(value)
    return _event(said, user_id, at, inside.get("properties"), inside.get("context"))


def _event(
    said: _Said,
    user_id: str,
    at: int,
    properties: Mapping[str, object] | None,
    context: Mapping[str, object] | None,
) -> Event:
    name = said.event if said.type == "track" else said.name
    return Event(
        user_id,
        said.type,
        name or "",
        at,
        {} if properties is None else properties,
        {} if context is None else context,
        said.message_id or None,
        not said.user_id,
    )
