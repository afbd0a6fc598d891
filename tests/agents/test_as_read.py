"""Fetched records are handed on as they were read, without being made larger."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import (
    READ_COMMITTED,
    Fetcher,
    FetchError,
    FetchResult,
    PartitionRecords,
)
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord

from journeystream.agents.batch_transport import BatchConsumerThread, _Fetched

TP = TopicPartition("events", 2)
WRITTEN = [
    (1_700_000_000_000, b"u1", b"{}", [("traceparent", b"1"), ("odd", None)]),
    (1_700_000_000_001, None, b"junk", []),
    (1_700_000_000_000, b"u2", None, []),
    (1_700_000_000_009, b"u1", b'{"type":"page"}', [("traceparent", b"2")]),
]


def on_the_wire() -> bytes:
    """Return the batches that a broker sends for WRITTEN: of one record each."""
    wire = bytearray()
    for offset, (timestamp, key, value, headers) in enumerate(WRITTEN):
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 10_000)
        builder.append(0, timestamp, key, value, headers)
        batch = builder.build()
        batch[0:8] = offset.to_bytes(8, "big")
        wire += batch
    return bytes(wire)


def result() -> FetchResult:
    """Return what aiokafka's fetcher makes of it, for a consumer that stands at its begin."""
    subscriptions = SubscriptionState()
    subscriptions.assign_from_user([TP])
    assignment = subscriptions.subscription.assignment
    assignment.state_value(TP).seek(0)
    records = PartitionRecords(
        TP, MemoryRecords(on_the_wire()), [], 0, None, None, True, READ_COMMITTED
    )
    return FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)


def told(record: Any) -> tuple[object, ...]:  # noqa: ANN401  whichever kind it is
    """Return what is read of a record."""
    return (record.offset, record.timestamp, record.key, record.value, tuple(record.headers))


def set_later(fetched: FetchResult) -> FetchResult:
    """Let it arrive where records are handed on as they were read."""
    results = _Fetched()
    results[TP] = fetched
    return cast("FetchResult", results[TP])


def set_before(fetched: FetchResult) -> FetchResult:
    """Let it have arrived before."""
    return cast("FetchResult", _Fetched({TP: fetched})[TP])


def pieces(fetched: FetchResult, most: int) -> Iterator[list[Any]]:
    """Take it, so many records at once."""
    while fetched.has_more():
        yield fetched.getall(most)


@pytest.fixture(params=[set_later, set_before])
def as_read(request: pytest.FixtureRequest) -> Callable[[FetchResult], FetchResult]:
    """Both ways to come."""
    return cast("Callable[[FetchResult], FetchResult]", request.param)


@pytest.mark.parametrize("most", [1, 3, 100])
def test_what_is_handed_on_says_the_same(
    as_read: Callable[[FetchResult], FetchResult], most: int
) -> None:
    """What we read of a record is what aiokafka says of it, however many are taken at once."""

    async def both() -> tuple[list[Any], list[list[Any]]]:
        return result().getall(), list(pieces(as_read(result()), most))

    usual, ours = asyncio.run(both())
    assert [told(record)[1:4] for record in usual] == [each[:3] for each in WRITTEN]
    assert max(map(len, ours)) <= most
    assert [told(record) for some in ours for record in some] == [told(record) for record in usual]
    assert not any(isinstance(record, ConsumerRecord) for some in ours for record in some)


def test_the_consumer_moves_on(as_read: Callable[[FetchResult], FetchResult]) -> None:
    """The consumer stands behind what was taken."""

    async def stands() -> list[int]:
        fetched = as_read(result())
        state = fetched._assignment.state_value(TP)
        return [state.position for _ in pieces(fetched, 1)]

    assert asyncio.run(stands())[: len(WRITTEN)] == [1, 2, 3, 4]


def test_all_that_is_fetched_comes_by_there() -> None:
    """Aiokafka keeps what it has fetched where we set it, and puts it there one by one."""
    writers = [
        name
        for name, method in vars(Fetcher).items()
        if "self._records[tp] = " in _source(method) or "._records = " in _source(method)
    ]
    assert sorted(writers) == ["__init__", "_proc_fetch_request", "_set_error"]
    thread = cast("Any", BatchConsumerThread.__new__(BatchConsumerThread))
    fetcher = SimpleNamespace(_records={TP: "fetched before"})
    thread._take_as_read(SimpleNamespace(_fetcher=fetcher))
    assert isinstance(fetcher._records, _Fetched)
    assert fetcher._records == {TP: "fetched before"}
    kept = fetcher._records
    thread._take_as_read(SimpleNamespace(_fetcher=fetcher))
    assert fetcher._records is kept


def _source(method: object) -> str:
    return inspect.getsource(method) if inspect.isroutine(method) else ""


def test_an_error_stays_one() -> None:
    """What could not be fetched is told of by whoever takes it."""
    results = _Fetched({TP: FetchError(error=KafkaError("gone"), backoff=0)})
    with pytest.raises(KafkaError, match="gone"):
        results[TP].check_raise()
