"""A good event as it is written, with what a test changes, and what decoding makes of it."""

from __future__ import annotations

import orjson
import pytest

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.durations import parse_instant
from journeystream.errors import RejectedEvent
from journeystream.events import Event
from tests.strategies import DAY

NOW = parse_instant("2024-03-01T12:00:00Z")
OLDEST = parse_instant("1980-01-01T00:00:00Z")
LIVE = DecodeLimits(message_bytes=1_000, clock_skew=DAY, oldest_event=OLDEST, replay=False)
GOOD: dict[str, object] = {"type": "track", "event": "Order", "userId": "u1"}


def written(**changes: object) -> bytes:
    """Write the good event with changes; `...` leaves a field out."""
    fields = {**GOOD, **changes}
    return orjson.dumps({name: value for name, value in fields.items() if value is not ...})


def event(value: bytes, limits: DecodeLimits = LIVE) -> Event:
    """Decode what has to be an event."""
    found = decode(value, NOW, limits)
    assert isinstance(found, Event)
    return found


def refusal(value: bytes | None, limits: DecodeLimits = LIVE) -> str:
    """Decode what has to be refused, and return the code."""
    with pytest.raises(RejectedEvent) as refused:
        decode(value, NOW, limits)
    assert refused.value.text
    assert len(refused.value.text) < 300, "a dead letter's text does not repeat the record"
    return refused.value.code
