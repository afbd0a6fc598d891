"""What a request to ingest is answered with, and what is in the topic then."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from journeystream.ingest import Ingest
from journeystream.ingest.site import PATHS
from journeystream.sinks.records import OutRecord
from tests.ingest.in_process import KEY, TRACK, Client, MemoryTopic, play, send

BATCH: dict[str, Any] = {"batch": [TRACK, {**TRACK, "messageId": "m2"}]}


@pytest.mark.parametrize("unpack", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_acknowledged_is_in_the_topic(*, unpack: bool, packed: bool) -> None:
    """200 comes after the topic has every event, in order, packed or not, whoever unpacks."""
    body = orjson.dumps(BATCH)

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        headers = {"Content-Encoding": "gzip"} if packed else None
        sent = gzip.compress(body) if packed else body
        assert await send(client, "/v1/batch", sent, headers=headers) == (200, {"success": True})
        assert [each["messageId"] for each in topic.values] == ["m1", "m2"]
        assert {record.key for record in topic.records} == {b"u1"}

    play(story, unpack=unpack)


@pytest.mark.parametrize(("path", "kind"), PATHS.items())
def test_the_path_says_what_a_call_is(path: str, kind: str) -> None:
    """A call to a path of its own is of that type, whatever its body says."""

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        call = {"event": "Order", "userId": "u1", "previousId": "a1", "type": "delete"}
        body = {"batch": [TRACK]} if kind == "batch" else call
        assert (await send(client, path, body))[0] == 200
        assert [each["type"] for each in topic.values] == ["track" if kind == "batch" else kind]

    play(story)


REFUSED: dict[str, tuple[str, object, int, str, str]] = {
    "no JSON": ("track", b"{", 400, "not_json", "the body is no JSON"),
    "nothing": ("track", b"", 400, "not_json", "the body is no JSON"),
    "a list": ("track", [], 400, "not_an_object", "a JSON list"),
    "deeper than JSON goes": ("track", b"[" * 2_900, 400, "not_json", "the body is no JSON"),
    "no list": ("batch", {"batch": {}}, 400, "no_batch", "batch is {}"),
    "no batch": ("batch", TRACK, 400, "no_batch", "batch is None"),
    "a call that is none": ("batch", {"batch": [TRACK, 7]}, 400, "not_an_object", "batch[1]: "),
    "no user": ("batch", {"batch": [TRACK, {**TRACK, "userId": ""}]}, 400, "no_user", "batch[1]: "),
    "a user that is a number": ("track", {**TRACK, "userId": 7}, 400, "wrong_type", "userId is 7"),
    "traits that are text": ("identify", {"userId": "u", "traits": ""}, 400, "wrong_type", "trait"),
    "no name": ("track", {"userId": "u1"}, 400, "no_event_name", "a track call needs"),
    "a time in words": ("track", {**TRACK, "timestamp": "now"}, 400, "bad_time", "'now'"),
    "a sentAt in words": (
        "batch",
        {"batch": [{**TRACK, "timestamp": "2024-01-01"}], "sentAt": "now"},
        400,
        "bad_time",
        "batch[0]: sentAt",
    ),
    "a context of the batch": ("batch", {**BATCH, "context": 1}, 400, "wrong_type", "batch[0]: "),
    "the future": ("track", {**TRACK, "timestamp": "2999-01-01"}, 400, "time_in_future", "2999"),
    "an erasure": ("batch", {"batch": [{**TRACK, "type": "delete"}]}, 400, "unknown_type", "delet"),
    "a clock mark": ("batch", {"batch": [{"type": "clock"}]}, 400, "unknown_type", "'clock'"),
    "a type that is a list": ("batch", {"batch": [{"type": []}]}, 400, "unknown_type", "[]"),
    "a deep one": (
        "track",
        b'{"userId":"u","event":"e","properties":' + b'{"a":' * 400 + b"1" + b"}" * 401,
        400,
        "too_deep",
        "64 levels",
    ),
    "a large call": ("track", {**TRACK, "properties": {"x": "x" * 900}}, 413, "too_large", "event"),
    "a large body": ("batch", {**BATCH, "x": "x" * 3_000}, 413, "too_large", "batch_bytes = 3000"),
    "a bomb": ("track", gzip.compress(b" " * 50_000_000), 413, "too_large", "batch_bytes = 3000"),
    "half a gzip": ("track", gzip.compress(b"{}")[:-9], 400, "not_gzip", "does not end"),
    "more than a gzip": ("track", gzip.compress(b"{}") + b"{}", 400, "not_gzip", "does not end"),
    "a gzip of noise": ("track", b"\x1f\x8b" + b"x" * 20, 400, "not_gzip", "the body is no gzip"),
    "a context that multiplies": (
        "batch",
        {"batch": [{**TRACK, "messageId": "m"}] * 20, "context": {"x": "x" * 800}},
        413,
        "too_large",
        "batch_bytes",
    ),
}


@pytest.mark.parametrize(
    ("kind", "body", "status", "code", "text"), REFUSED.values(), ids=REFUSED.keys()
)
def test_what_no_worker_reads_is_refused_whole(
    kind: str, body: object, status: int, code: str, text: str
) -> None:
    """One call that is wrong refuses the request, with its place; nothing of it is produced."""

    async def story(client: Client, topic: MemoryTopic, ingest: Ingest) -> None:
        answered, told = await send(client, f"/v1/{kind}", body)
        assert (answered, told["code"], told["success"]) == (status, code, False)
        assert text in told["message"]
        assert len(told["message"]) < 300, "a refusal does not repeat the request"
        assert topic.asked == ingest.in_flight == 0

    play(story, event_bytes=900, batch_bytes=3_000)


@pytest.mark.parametrize("key", [None, "", "another", "a-write-ke", "a-write-key2", "ключ"])
def test_without_a_key_nothing_is_taken(key: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever has no key is refused in the same words, and no log or answer holds a key."""
    caplog.set_level(logging.DEBUG)

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        for body in (TRACK, {**TRACK, "writeKey": key}, b"{}"):
            status, told = await send(client, "/v1/track", body, key=key)
            assert (status, told["code"]) == (401, "bad_write_key")
            assert KEY not in str(told)
        for header in (f"Bearer {KEY}", f"Basic {KEY}", "Basic", ""):
            named = {"Authorization": header}
            body = {**TRACK, "writeKey": KEY}
            assert (await send(client, "/v1/track", body, key=None, headers=named))[0] == 401
        assert topic.asked == 0

    play(story)
    assert KEY not in caplog.text


def test_a_body_may_name_the_key_and_the_topic_does_not_get_it() -> None:
    """Segment's browser SDK names its key in the body; it stays out of the topic."""

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        named = {**TRACK, "writeKey": KEY}
        assert (await send(client, "/v1/t", named, key=None))[0] == 200
        assert (await send(client, "/v1/batch", {**BATCH, "writeKey": KEY}, key=None))[0] == 200
        assert (await send(client, "/v1/batch", {"batch": [named]}))[0] == 200
        assert len(topic.values) == 4
        assert KEY.encode() not in b"".join(record.value or b"" for record in topic.records)

    play(story)


def test_an_encoding_that_is_not_read_is_told() -> None:
    """What was packed in another way is refused as such, and not as broken JSON."""

    async def story(client: Client, _: MemoryTopic, __: Ingest) -> None:
        headers = {"Content-Encoding": "br"}
        status, told = await send(client, "/v1/track", TRACK, headers=headers)
        assert (status, told["code"]) == (415, "unknown_encoding")

    play(story)


def test_a_fault_of_ours_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is answered with 500 and no word of it; the log has it."""

    async def story(client: Client, topic: MemoryTopic, ingest: Ingest) -> None:
        topic.produce = None  # type: ignore[assignment, method-assign]  # calling it is the bug
        status, told = await send(client, "/v1/track", TRACK)
        assert (status, told["code"]) == (500, "failed")
        assert "NoneType" not in str(told)
        assert ingest.in_flight == 0

    play(story)
    assert "NoneType" in caplog.text


def test_kafka_away_asks_to_come_again() -> None:
    """What Kafka did not take is 503 with a time to wait, and is taken when it is sent again."""

    async def story(client: Client, topic: MemoryTopic, ingest: Ingest) -> None:
        topic.away = True
        status, told = await send(client, "/v1/batch", BATCH)
        assert (status, told["code"], told["retry_after"]) == (503, "kafka_is_late", 5)
        topic.away = False
        assert (await send(client, "/v1/batch", BATCH))[0] == 200
        assert ingest.in_flight == 0

    play(story)


def test_kafka_that_does_not_answer_holds_nobody() -> None:
    """A sender waits `acknowledge_within`; the request is in flight until Kafka has it, and while
    the room is full of such, others are told at once that Kafka is late."""  # noqa: D205, D209

    async def story(client: Client, topic: MemoryTopic, ingest: Ingest) -> None:
        topic.open.clear()
        answers = await asyncio.gather(*(send(client, "/v1/track", TRACK) for _ in range(3)))
        assert [status for status, _ in answers] == [503] * 3
        assert (ingest.in_flight, ingest.late) == (3, True)
        assert (await send(client, "/v1/track", TRACK))[1]["code"] == "kafka_is_late"
        assert topic.asked == 3
        topic.open.set()
        assert (await send(client, "/v1/track", TRACK))[0] == 200
        assert (ingest.in_flight, ingest.late) == (0, False)
        assert len(topic.records) == 4

    play(story, requests_in_flight=3, acknowledge_within="1 second")


def test_ten_thousand_requests_at_a_slow_kafka_stay_bounded() -> None:
    """Never more than `requests_in_flight` are held; the others are told to come again; what is
    acknowledged is what is in the topic."""  # noqa: D205, D209  one sentence
    held = most = 0

    async def story(client: Client, topic: MemoryTopic, ingest: Ingest) -> None:
        statuses: Counter[int] = Counter()
        slow = asyncio.Semaphore(4)  # so many at a time

        async def produce(records: Sequence[OutRecord]) -> None:
            nonlocal held, most
            held += 1
            most = max(most, held, ingest.in_flight)
            async with slow:
                await asyncio.sleep(0.001)
                topic.records += records
            held -= 1

        topic.produce = produce  # type: ignore[method-assign]

        async def sender() -> None:
            for _ in range(100):
                statuses[(await send(client, "/v1/track", TRACK))[0]] += 1

        await asyncio.gather(*(sender() for _ in range(100)))
        assert statuses[200] == len(topic.records)
        assert statuses[200] + statuses[429] == 10_000
        assert min(statuses[200], statuses[429]) > 100
        assert ingest.in_flight == 0

    play(story, requests_in_flight=20)
    assert 0 < most <= 20


def test_a_sender_beyond_its_rate_waits_and_the_others_do_not() -> None:
    """A key that has sent too many events is told when to come again; another one is not."""

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        many = {"batch": [TRACK] * 5_000}
        assert (await send(client, "/v1/batch", many, key="eager"))[0] == 200
        status, told = await send(client, "/v1/track", TRACK, key="eager")
        assert (status, told["code"]) == (429, "too_many_events")
        assert 4_000 < told["retry_after"] <= 5_000
        assert (await send(client, "/v1/track", TRACK, key="calm"))[0] == 200
        assert len(topic.records) == 5_001

    play(story, write_keys=["eager", "calm"], events_per_second=1)


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ([], "https://shop.example", False),
        (["https://shop.example"], "https://shop.example", True),
        (["https://shop.example"], "https://evil.example", False),
        (["*"], "https://evil.example", True),
    ],
)
def test_pages_of_named_sites_may_send(origins: list[str], origin: str, *, allowed: bool) -> None:
    """A browser lets a page of a named site send and read the answer, and no other page."""
    asking = {"Origin": origin, "Access-Control-Request-Headers": "authorization"}

    async def story(client: Client, _: MemoryTopic, __: Ingest) -> None:
        async with client.options("/v1/track", headers=asking) as answer:
            assert (answer.status == 204) == bool(origins)
            assert ("Access-Control-Allow-Origin" in answer.headers) == allowed
            assert ("Access-Control-Allow-Headers" in answer.headers) == allowed
        for key in (KEY, "unknown"):
            named = {**TRACK, "writeKey": key}
            headers = {"Origin": origin}
            async with client.post("/v1/t", data=orjson.dumps(named), headers=headers) as answer:
                assert (answer.headers.get("Access-Control-Allow-Origin") == origin) == allowed

    play(story, origins=origins)


def test_without_keys_a_key_is_not_asked_for() -> None:
    """`open: true` takes events from whoever sends them, with a key or without."""

    async def story(client: Client, topic: MemoryTopic, _: Ingest) -> None:
        for key in (None, "anything"):
            assert (await send(client, "/v1/track", TRACK, key=key))[0] == 200
        assert len(topic.records) == 2

    play(story, write_keys=[], open=True)
