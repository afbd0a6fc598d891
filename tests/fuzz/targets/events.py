"""Any bytes as the value of a source record.

Law: `decode` returns an event or a clock mark, or raises RejectedEvent, whose code and text
are short and can be written; `quick_decode` does the same. An event's instant lies where the
limits say, and its values can be stored. The engine applies whatever was accepted, and time passes
after it without failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from journeystream.agents.decode import KINDS, DecodeLimits, decode
from journeystream.agents.handing_over import value_of
from journeystream.durations import LAST_INSTANT, parse_instant
from journeystream.errors import RejectedEvent
from journeystream.events import ClockMark, Erased, Event, Message
from tests.decoding import decodes_alike
from tests.fuzz.published import rules
from tests.fuzz.target import Target
from tests.playing import Partition
from tests.strategies import DAY, START

OLDEST = parse_instant("1980-01-01")
NOW = START + 30 * DAY
LIMITS = tuple(
    DecodeLimits(20_000, clock_skew=DAY, oldest_event=OLDEST, replay=own, notes=own)
    for own in (False, True)
)
RECORD_TIMES = (NOW, 0, LAST_INSTANT, LAST_INSTANT + 1, -1_000)
_LONGEST_TEXT = 400


def holds(data: bytes) -> None:
    """Decode the value at many times, and let the engine apply what was accepted."""
    for record_time in RECORD_TIMES:
        for limits in LIMITS:
            decodes_alike(data, record_time, limits)
            try:
                found = decode(data, record_time, limits)
            except RejectedEvent as error:
                _is_told(error)
                continue
            if isinstance(found, ClockMark):
                assert limits.replay
                continue
            if isinstance(found, Event):
                _is_an_event(found, record_time)
                assert _again(found, record_time, limits) == found
            else:
                assert limits.notes or isinstance(found, Erased)
                assert value_of(found) == value_of(_again(found, record_time, limits))
    # The newest of all instants too: a wait of months has to end even there.
    for record_time in (NOW, LAST_INSTANT):
        _is_applied(data, record_time)


def _again(message: Message, record_time: int, limits: DecodeLimits) -> Message:
    """Read a message of our own from what was written of it; notes are exact to a millisecond."""
    again = decode(value_of(message), record_time, replace(limits, message_bytes=1_000_000))
    assert not isinstance(again, ClockMark)
    return again


def _is_told(error: RejectedEvent) -> None:
    assert error.code.isidentifier()
    assert 0 < len(error.text) < _LONGEST_TEXT
    orjson.dumps(error.text)


def _is_an_event(event: Event, record_time: int) -> None:
    assert event.kind in KINDS
    assert event.user_id
    assert "\0" not in event.user_id
    assert OLDEST <= event.at <= record_time
    orjson.dumps([event.user_id, event.name, event.properties, event.context, event.message_id])


def _is_applied(data: bytes, record_time: int) -> None:
    try:
        event = decode(data, record_time, LIMITS[0])
    except RejectedEvent:
        return
    assert isinstance(event, Event | Erased)
    partition = Partition(rules())
    partition.take([event])
    partition.take([event], until=min(event.at + 800 * DAY, LAST_INSTANT))
    partition.stored()


def seeds() -> Sequence[bytes]:
    """Return one record of each kind, with all the fields that are read."""
    track = {
        "type": "track",
        "event": "Order Completed",
        "userId": "u1",
        "messageId": "m1",
        "timestamp": "2024-03-02T10:00:00.000Z",
        "properties": {"n": 1, "b": {"c": 2}, "total": 12.5, "products": ["p1", "p2"]},
        "context": {"page": {"path": "/"}, "traits": {"plan": "pro"}},
    }
    corrected = {
        "type": "page",
        "name": "home",
        "anonymousId": "a1",
        "timestamp": "2024-03-02T10:00:05Z",
        "sentAt": "2024-03-02T10:00:06Z",
        "receivedAt": "2024-03-02T10:00:00+00:00",
        "properties": {"b.c": 2},
    }
    traits = {"plan": "pro", "score": 1, "tags": ["a"], "address": {"city": "Pau"}, "name": "ße"}
    identify = {"type": "identify", "userId": "u1", "traits": traits}
    screen = {"type": "screen", "name": "s", "userId": "u2", "timestamp": None, "context": None}
    group = {"type": "group", "userId": "u1", "groupId": "g", "traits": {"x": 1}}
    delete = {"type": "delete", "userId": "u1", "timestamp": "2024-03-03T10:00:00Z"}
    mark = {"type": "clock", "timestamp": "2024-03-05T00:00:00Z", "origin": "web:1"}
    named = [{**track, "event": name} for name in ("a", "b", "Page Viewed", "Cart Viewed")]
    return [
        orjson.dumps(each)
        for each in (track, *named, corrected, identify, screen, group, delete, mark)
    ]


# A record that spans lines is one piece all the same.
TARGET = Target("events", "a record is an event or refused", holds, seeds, separator=b"\0\n\0")
