"""The travel log: a record for each stage that a user comes to, goal reached, and path assigned.

Law: a stage's record has sixteen fields and no other. Whatever has no room in them stands in the
headers, of all kinds alike: the `kind` of record, the message id, and which instance it is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from journeystream.effects import Travel
from journeystream.sinks.records import OutRecord
from journeystream.travel_rows import BESIDE, FIELDS, KINDS, Kind, Row, check, row_of

_KIND = "kind"
_HEADERS = {
    "messageId": "message_id",
    "instance": "instance_id",
    "instanceEnteredAt": "instance_entered_at",
}


@dataclass(frozen=True, slots=True)
class TravelSink:
    """Everything told is one record, keyed by its user."""

    topic: str

    def record(self, at: Travel) -> OutRecord:
        """Return the record of one stage, goal or path."""
        kind, row = row_of(at)
        headers = []
        for name, column in _HEADERS.items():
            text = row.pop(column)
            if text is not None:
                headers.append((name, text.encode()))
        headers.append((_KIND, kind.encode()))
        # What is left are the fields of its kind.
        return OutRecord(self.topic, at.user_id.encode(), orjson.dumps(row), headers=headers)


def read_row(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> tuple[Kind, Row]:
    """Read a record back; ValueError for one that is none of ours.

    A stage of a log that was written before there were other kinds has a message id only.
    """
    said = {name: data.decode() for name, data in headers}
    found: Any = orjson.loads(value or b"")
    kind = next((each for each in KINDS if each == said.get(_KIND, "stage")), None)
    if kind is None or not isinstance(found, Mapping):
        raise ValueError("no record of the travel log")
    row = {name: found.get(name) for name in FIELDS[kind]}
    for header, column in _HEADERS.items():
        row[column] = said.get(header, None if BESIDE[column] == "instant" else "")
    check(kind, row)
    return kind, row
