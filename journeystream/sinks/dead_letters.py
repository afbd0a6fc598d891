"""The dead-letter topic: what could not be applied, exactly as it came, and why."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

import orjson

from journeystream.durations import iso
from journeystream.sinks.records import OutRecord

_PREVIEW = 200
_LONGEST_KEY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record came from; `timestamp` is its broker's time in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int


def dead_letter(
    topic: str, origin: Origin, key: bytes | None, value: bytes | None, *, code: str, text: str
) -> OutRecord:
    """Return the dead letter of a record; its key is kept, so that order per key is too."""
    raw = value or b""
    letter = {
        "error": {"code": code, "text": text},
        "origin": {
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
            "timestamp": iso(origin.timestamp * 1_000),
        },
        "key": None if key is None else b64encode(key).decode(),
        "value": None if value is None else b64encode(raw).decode(),
        "preview": raw[:_PREVIEW].decode(errors="replace"),
    }
    # A long key would stand in the record twice; its bytes are in the letter.
    short = key if key is None or len(key) <= _LONGEST_KEY else None
    return OutRecord(topic, short, orjson.dumps(letter))
