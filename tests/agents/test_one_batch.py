"""Which records surely go in one batch, by the batches of the client itself."""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.producer import KafkaProducer, _Batch
from journeystream.broker_access import BrokerAccess
from journeystream.sinks.records import OutRecord


def records() -> st.SearchStrategy[list[OutRecord]]:
    """Draw records of one partition, some with headers, from few bytes to more than fit."""
    sizes = st.tuples(st.integers(0, 40), st.integers(0, 300) | st.integers(0, 300_000))
    headers = st.lists(st.tuples(st.just("stamp"), st.binary(max_size=99)), max_size=3)
    drawn = st.builds(
        lambda size, more: OutRecord("changelog", bytes(size[0]), bytes(size[1]), 0, headers=more),
        sizes,
        headers,
    )
    return st.lists(drawn, min_size=1, max_size=60)


@given(records())
def test_what_makes_one_batch_fits_into_one(drawn: list[OutRecord]) -> None:
    """A batch of the client has room for all of them, so that they stand or fall together."""

    async def fit() -> bool:
        producer = KafkaProducer(BrokerAccess("127.0.0.1:1"), None)
        batch = _Batch(TopicPartition("changelog", 0), producer._client.create_batch())
        placed = [batch.add(record) for record in drawn]
        await producer.stop()
        return not producer.makes_one_batch(drawn) or None not in placed

    assert asyncio.run(fit())


def test_a_turn_may_be_too_large_for_one_batch() -> None:
    """What is more than half a batch is sent, and waited for, by the piece."""

    async def told(size: int) -> bool:
        producer = KafkaProducer(BrokerAccess("127.0.0.1:1"), None)
        await producer.stop()
        return producer.makes_one_batch([OutRecord("changelog", b"u", bytes(size), 0)])

    assert asyncio.run(told(400_000))
    assert not asyncio.run(told(500_000))
