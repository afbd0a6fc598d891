"""From a request's object to the records of a source topic, or to why there are none.

Law: a request is one unit. Each of its calls becomes a record that a worker reads as that event
(the worker's own decoding is asked), keyed by its user; or none does, and the refusal names the
first call that is wrong. What is not a call of the Segment Spec does not come in this way: not
`delete`, because a write key of a web page must not erase users, and no clock mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from journeystream.agents.decode import DEEPEST, ERASE_KIND, KINDS, DecodeLimits, decode
from journeystream.agents.fields import is_deeper, shown
from journeystream.errors import RejectedEvent, RequestRefused
from journeystream.events import Event
from journeystream.ingest.bodies import too_large
from journeystream.ingest.completing import Call, complete, merged
from journeystream.sinks.records import OutRecord

CALLS = KINDS - {ERASE_KIND}
BATCH = "batch"
# A batch's context goes into each of its calls, and must not make a request a thousand times as
# large.
_MOST_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads requests; `limits` are the workers', the others in bytes of a call and of a request."""

    topic: str
    limits: DecodeLimits
    event_bytes: int
    batch_bytes: int
    new_id: Callable[[], str]

    def read(self, calls: list[object], batch: Mapping[str, object], at_ms: int) -> list[OutRecord]:
        """Return the records of calls, in order; `batch` is what came around them, if it did."""
        records, size = [], 0
        for position, call in enumerate(calls):
            try:
                event = _event(call, batch)
                size += self._size(event)
                records.append(self._record(event, at_ms))
            except RejectedEvent as error:
                place = f"batch[{position}]: " if batch else ""
                status = 413 if error.code == "too_large" else 400
                raise RequestRefused(status, error.code, f"{place}{error.text}") from None
            if size > self.batch_bytes * _MOST_GROWTH:
                raise too_large(self.batch_bytes)
        return records

    def _size(self, event: Call) -> int:
        size = len(orjson.dumps(event))
        if size > self.event_bytes:
            text = f"{size} bytes are more than ingest.event_bytes = {self.event_bytes}"
            raise RejectedEvent("too_large", text)
        return size

    def _record(self, event: Call, at_ms: int) -> OutRecord:
        complete(event, at_ms * 1_000, self.new_id)
        value = orjson.dumps(event)
        read = decode(value, at_ms * 1_000, self.limits)
        if not isinstance(read, Event):
            raise TypeError(f"a call was decoded as {type(read).__name__}")
        # With the time that it was judged by, so that a worker judges it alike.
        return OutRecord(self.topic, read.user_id.encode(), value, timestamp_ms=at_ms)


def _event(call: object, batch: Mapping[str, object]) -> Call:
    """Return a call with what is around it, if it is one that may come by HTTP."""
    if not isinstance(call, dict):
        raise RejectedEvent("not_an_object", f"a call is an object, and not {shown(call)}")
    kind = call.get("type")
    if not isinstance(kind, str) or kind not in CALLS:
        raise RejectedEvent("unknown_type", f"type {shown(kind)} is none of {sorted(CALLS)}")
    event = merged(call, batch)
    if is_deeper(event, DEEPEST):  # and orjson would not write it
        raise RejectedEvent("too_deep", f"it is nested more than {DEEPEST} levels deep")
    return event


def calls_in(kind: str, found: Mapping[str, object]) -> tuple[list[object], Mapping[str, object]]:
    """Return the calls of a request to the path of `kind`, and what is around them."""
    if kind != BATCH:
        return [{**found, "type": kind}], {}
    calls = found.get(BATCH)
    if not isinstance(calls, list):
        text = f"batch is {shown(calls)}; send a list of calls"
        raise RequestRefused(400, "no_batch", text)
    return calls, found
