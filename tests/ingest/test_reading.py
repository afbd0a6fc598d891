"""What a call becomes on its way into the topic, and that a worker reads it so."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeystream.agents.decode import decode
from journeystream.durations import FIRST_INSTANT, LAST_INSTANT, exact_iso
from journeystream.errors import RejectedEvent, RequestRefused
from journeystream.events import Event
from journeystream.ingest.bodies import object_in
from journeystream.ingest.reading import CALLS, Reader, calls_in
from journeystream.sinks.records import OutRecord
from tests.agents.written_events import LIVE, NOW
from tests.law_settings import laws
from tests.strategies import DAY, json_values

READER = Reader("events", LIVE, 800, 8_000, lambda: "made")
NOW_MS = NOW // 1_000
CALL: dict[str, Any] = {"type": "track", "event": "Order", "userId": "u1", "messageId": "m"}


def read(body: Mapping[str, object], kind: str = "batch") -> list[OutRecord]:
    """Read a request."""
    return READER.read(*calls_in(kind, body), NOW_MS)


def value(**changes: object) -> dict[str, Any]:
    """Return what is produced for the good call with changes; `...` leaves a field out."""
    call = {name: what for name, what in {**CALL, **changes}.items() if what is not ...}
    [record] = read({"batch": [call]})
    told: dict[str, Any] = orjson.loads(record.value or b"")
    return told


def event(record: OutRecord) -> Event:
    """Read a record as a worker does."""
    assert record.timestamp_ms is not None
    found = decode(record.value, record.timestamp_ms * 1_000, LIVE)
    assert isinstance(found, Event)
    return found


NEAR = st.integers(NOW - 400 * DAY, NOW + 2 * DAY)
FIELD = st.none() | json_values() | st.builds(exact_iso, NEAR) | st.sampled_from(sorted(CALLS))
NAMES = ("type", "event", "name", "userId", "anonymousId", "previousId", "properties", "traits")
MORE = ("context", "messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt")
FIELDS = st.dictionaries(st.sampled_from([*NAMES, *MORE]), FIELD, max_size=6)
ANY_CALL = st.builds(lambda fields: {**CALL, **fields}, FIELDS)


@laws
@given(calls=st.lists(ANY_CALL, max_size=3), around=FIELDS)
def test_a_request_is_read_whole_or_refused(calls: list[object], around: dict[str, object]) -> None:
    """Whatever is sent, either each call is an event to a worker, keyed by its user, or there is
    one refusal with a code; nothing else is raised."""  # noqa: D205, D209  one sentence
    try:
        records = read({**around, "batch": calls})
    except RequestRefused as refused:
        refusal = refused
    else:
        _is_read(records, len(calls))
        return
    assert refusal.code
    assert refusal.status in {400, 413}


def _is_read(records: list[OutRecord], calls: int) -> None:
    assert len(records) == calls
    for record in records:
        assert record.key == event(record).user_id.encode()
        assert record.topic == "events"


@laws
@given(
    body=st.binary(max_size=60) | st.binary(max_size=60).map(gzip.compress), cut=st.integers(0, 9)
)
@example(body=gzip.compress(b'{"a": 1}'), cut=0)
def test_any_bytes_are_an_object_or_refused(body: bytes, cut: int) -> None:
    """Whatever a body is, packed or broken off, nothing but a refusal is raised."""
    try:
        found = object_in(body[cut:], 40)
    except RequestRefused:
        return
    assert isinstance(found, dict)


def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte that was packed into one megabyte takes what the limit allows, and no more."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(1_000)) + packer.flush()
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(RequestRefused) as refused:
            object_in(bomb, 500_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 3_000_000  # the rest of the bomb is kept once


@laws
@given(
    told=NEAR,
    sent=st.integers(NOW - 3 * DAY, NOW + 3 * DAY),
    name=st.sampled_from(["timestamp", "originalTimestamp"]),
    of_batch=st.booleans(),
)
def test_a_clients_clock_is_corrected_as_decoding_would(
    told: int, sent: int, name: str, *, of_batch: bool
) -> None:
    """The time that is written is that which a worker makes of client's, sent and received time;
    what the client told is kept."""  # noqa: D205, D209  one sentence
    times = {"timestamp": exact_iso(told), "sentAt": exact_iso(sent)}
    plain = orjson.dumps({**CALL, **times, "receivedAt": exact_iso(NOW)})
    call = {**CALL, name: times["timestamp"]} | ({} if of_batch else {"sentAt": times["sentAt"]})
    body = {"batch": [call]} | ({"sentAt": times["sentAt"]} if of_batch else {})
    expected = _decoded(plain)
    if isinstance(expected, str):
        with pytest.raises(RequestRefused) as refused:
            read(body)
        assert refused.value.code == expected
        return
    [record] = read(body)
    assert event(record).at == expected
    assert orjson.loads(record.value or b"")["originalTimestamp"] == times["timestamp"]


def _decoded(value: bytes) -> int | str:
    """Return the time that a worker reads, or the code of its refusal."""
    try:
        found = decode(value, NOW, LIVE)
    except RejectedEvent as rejected:
        return rejected.code
    assert isinstance(found, Event)
    return found.at


def test_who_tells_both_times_has_corrected_them() -> None:
    """A call that has passed another server already keeps the time that it was given there."""
    both = {"timestamp": "2024-02-01T00:00:00Z", "originalTimestamp": "2024-01-01T00:00:00Z"}
    assert value(**both, sentAt="2024-01-02T00:00:00Z")["timestamp"] == both["timestamp"]


def test_a_call_without_a_time_is_of_now() -> None:
    """Where no time is told, that of the request counts, and is not corrected any more."""
    for sent in (..., "2023-01-01T00:00:00Z"):
        told = value(sentAt=sent)
        assert told["timestamp"] == told["originalTimestamp"] == exact_iso(NOW)


@pytest.mark.parametrize("instant", [FIRST_INSTANT, LAST_INSTANT])
def test_times_at_the_ends_of_the_calendar_are_refused(instant: int) -> None:
    """A correction that leads out of the calendar is a refusal as any other."""
    with pytest.raises(RequestRefused) as refused:
        value(timestamp=exact_iso(instant), sentAt=exact_iso(LAST_INSTANT - instant))
    assert refused.value.code in {"time_too_old", "time_in_future"}


def test_a_message_id_is_made_where_there_is_none() -> None:
    """A call keeps its own `messageId`; `receivedAt` is the server's, whatever was sent."""
    for missing in (..., None, ""):
        assert value(messageId=missing)["messageId"] == "made"
    told = value(receivedAt="1999-01-01T00:00:00Z")
    assert (told["messageId"], told["receivedAt"]) == ("m", "2024-03-01T12:00:00.000Z")


def test_what_a_batch_says_counts_for_calls_that_do_not() -> None:
    """`context` and `integrations` are merged, name by name; the call's own word wins."""
    calls = [{**CALL, "context": {"ip": "2", "os": "x"}}, CALL, {**CALL, "context": None}]
    body = {"batch": calls, "context": {"ip": "1", "app": "a"}, "integrations": {"All": True}}
    told = [orjson.loads(record.value or b"") for record in read(body)]
    assert [each["context"] for each in told] == [
        {"ip": "2", "os": "x", "app": "a"},
        {"ip": "1", "app": "a"},
        {"ip": "1", "app": "a"},
    ]
    assert [each["integrations"] for each in told] == [{"All": True}] * 3


def test_an_identifys_traits_may_stand_in_its_context() -> None:
    """RudderStack's SDKs put traits there; a worker finds them, and those of other calls stay."""
    context = {"traits": {"plan": "pro"}, "ip": "1"}
    told = value(type="identify", event=..., context=context)
    assert (told["traits"], told["context"]) == ({"plan": "pro"}, {"ip": "1"})
    own = value(type="identify", event=..., context=context, traits={"plan": "free"})
    assert (own["traits"], own["context"]) == ({"plan": "free"}, context)
    assert value(context=context)["context"] == context


def test_an_event_may_be_as_large_as_is_said() -> None:
    """`event_bytes` are those of the call; what the server adds is not counted."""
    room = 800 - len(orjson.dumps({**CALL, "properties": {"x": ""}}))
    value(properties={"x": "x" * room})
    with pytest.raises(RequestRefused) as refused:
        value(properties={"x": "x" * (room + 1)})
    assert (refused.value.status, refused.value.code) == (413, "too_large")


def test_what_the_server_adds_makes_no_request_too_large() -> None:
    """A batch as large as it may be is taken, though completing makes small calls far larger."""
    call = {"type": "alias", "userId": "u"}
    calls = [call] * ((8_000 - 12) // (len(orjson.dumps(call)) + 1))
    assert 7_900 < len(orjson.dumps({"batch": calls})) <= 8_000
    records = read({"batch": calls})
    assert sum(len(record.value or b"") for record in records) > 4 * 8_000


def test_an_empty_batch_is_nothing() -> None:
    """An SDK that has nothing to say is told that all of it was taken."""
    assert read({"batch": []}) == []
