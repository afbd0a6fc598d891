"""What the shell assumes of a cluster, held against the simulated one and against the real one.

Each test is written once, in the words of `agents/cluster.py`. So what the simulation proves of
the shell is proved of a cluster that behaves as the broker of the session does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation, ProducerFenced
from aiokafka.structs import ConsumerRecord

from journeystream.agents.cluster import Cluster, Consumer, KafkaCluster, Producer
from journeystream.broker_access import BrokerAccess
from journeystream.sinks.records import OutRecord
from tests.brokers.clients import fresh, new_topic
from tests.simulation.broker import Broker, Network
from tests.simulation.cluster import SimulatedCluster
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import Process

_PATIENCE_MS = 200
_TRIES = 500
T = TypeVar("T")
Story = Callable[["Side"], Coroutine[None, None, None]]


@dataclass(frozen=True)
class Side:
    """A cluster with a topic of one partition; `group` and `name` are nobody else's."""

    cluster: Cluster
    tp: TopicPartition
    group: str
    name: str

    @asynccontextmanager
    async def producing(self, name: str | None = None) -> AsyncIterator[Producer]:
        """Run a producer with the transactional id of this test, or another."""
        producer = self.cluster.producer(name or self.name)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Consumer]:
        """Run a consumer that stands at the start of the topic."""
        consumer = self.cluster.consumer(self.group)
        await consumer.start()
        try:
            consumer.assign([self.tp])
            consumer.seek(self.tp, 0)
            yield consumer
        finally:
            await consumer.stop()

    async def send(self, producer: Producer, *values: bytes) -> list[int]:
        """Send values and return their offsets, once they are acknowledged."""
        tp = self.tp
        return await producer.send(
            [OutRecord(tp.topic, b"key", value, tp.partition) for value in values]
        )

    async def transaction(self, producer: Producer, *values: bytes) -> None:
        """Send values in a transaction of their own."""
        await producer.begin_transaction()
        await self.send(producer, *values)
        await producer.commit_transaction()

    async def end(self, consumer: Consumer) -> int:
        """Return where the topic ends for a consumer."""
        return (await consumer.end_offsets([self.tp]))[self.tp]

    async def end_after(self, consumer: Consumer, offset: int) -> int:
        """Return where the topic ends once it ends after an offset: markers come a little late."""
        return await _awaited(lambda: self.end(consumer), lambda end: end > offset)

    async def values(self, consumer: Consumer) -> list[bytes]:
        """Read to the end and return the values."""
        records: list[ConsumerRecord] = []
        while await consumer.position(self.tp) < await self.end(consumer):
            fetched = await consumer.getmany(self.tp, timeout_ms=_PATIENCE_MS)
            records += fetched.get(self.tp, [])
        return [record.value for record in records]


async def _awaited(ask: Callable[[], Awaitable[T]], enough: Callable[[T], bool]) -> T:
    """Ask until the answer is enough, within a bound."""
    for _ in range(_TRIES):
        if enough(answer := await ask()):
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(f"still {answer!r}")


@pytest.fixture(params=["simulated", "simulated with late markers", "real"])
def tell(request: pytest.FixtureRequest) -> Callable[[Story], None]:
    """Return what runs a story on one of the clusters."""
    if request.param == "real":
        bootstrap: str = request.getfixturevalue("kafka")
        tp = TopicPartition(new_topic(bootstrap), 0)
        side = Side(KafkaCluster(BrokerAccess(bootstrap)), tp, fresh("group"), fresh("transaction"))
        return lambda story: asyncio.run(asyncio.wait_for(story(side), 60))
    return lambda story: _simulate(story, 0.05 if "late" in request.param else 0.0)


def _simulate(story: Story, markers: float) -> None:
    loop = SimulatedLoop()
    broker = Broker(loop, Random(1), Network(markers=markers))  # noqa: S311  repeatable
    broker.create("topic", 1)
    cluster = SimulatedCluster(broker, Process("test", loop))
    try:
        loop.run_until_complete(story(Side(cluster, TopicPartition("topic", 0), "g", "t")))
    finally:
        loop.close()


def test_what_is_open_is_not_seen(tell: Callable[[Story], None]) -> None:
    """Until its commit a transaction is not read, and the topic ends before it."""

    async def story(side: Side) -> None:
        async with side.producing() as producer, side.reading() as consumer:
            await producer.begin_transaction()
            assert await side.send(producer, b"a", b"b") == [0, 1]
            assert await side.end(consumer) == 0
            assert await consumer.getmany(side.tp, timeout_ms=_PATIENCE_MS) == {}
            await producer.commit_transaction()
            assert await side.end_after(consumer, 1) == 3
            assert await side.values(consumer) == [b"a", b"b"]

    tell(story)


def test_a_marker_takes_an_offset_and_is_passed_over(tell: Callable[[Story], None]) -> None:
    """Offsets go on behind the marker; who has read all stands where the topic ends."""

    async def story(side: Side) -> None:
        async with side.producing() as producer, side.reading() as consumer:
            await side.transaction(producer, b"a")
            await side.transaction(producer, b"b")
            assert await side.end_after(consumer, 2) == 4
            assert await side.values(consumer) == [b"a", b"b"]
            assert await consumer.position(side.tp) == 4
            assert await consumer.beginning_offsets([side.tp]) == {side.tp: 0}

    tell(story)


def test_who_starts_ends_what_was_open(tell: Callable[[Story], None]) -> None:
    """Once a producer has started, what an older one left open is aborted and holds up nothing."""

    async def story(side: Side) -> None:
        async with side.producing() as first, side.reading() as consumer:
            await side.transaction(first, b"before")
            await first.begin_transaction()
            await side.send(first, b"left open")
            async with side.producing() as second:
                # At once: recovery asks for the end as soon as `start` has returned.
                assert await side.end(consumer) == 4
                assert await side.values(consumer) == [b"before"]
                await side.transaction(second, b"after")
                await side.end_after(consumer, 5)
                assert await side.values(consumer) == [b"after"]

    tell(story)


def test_an_older_commit_is_whole_once_the_next_has_started(
    tell: Callable[[Story], None],
) -> None:
    """What was committed is readable to its end when the next producer's `start` returns."""

    async def story(side: Side) -> None:
        async with side.producing() as first, side.reading() as consumer:
            await side.transaction(first, b"a", b"b")
            async with side.producing():
                assert await side.end(consumer) == 3
                assert await side.values(consumer) == [b"a", b"b"]

    tell(story)


def test_who_is_fenced_commits_nothing(tell: Callable[[Story], None]) -> None:
    """An older producer is told so at its commit, and nothing of its transaction is seen."""

    async def story(side: Side) -> None:
        async with side.producing() as first, side.reading() as consumer:
            await first.begin_transaction()
            await side.send(first, b"of the first")
            async with side.producing() as second:
                with pytest.raises(ProducerFenced):
                    await first.commit_transaction()
                await side.transaction(second, b"of the second")
                await side.end_after(consumer, 2)
                assert await side.values(consumer) == [b"of the second"]

    tell(story)


def test_who_is_fenced_sends_nothing(tell: Callable[[Story], None]) -> None:
    """What an older producer sends in a new transaction fails; then it has no transaction."""

    async def story(side: Side) -> None:
        async with side.producing() as first, side.reading() as consumer, side.producing():
            await first.begin_transaction()
            with pytest.raises(ProducerFenced):
                await side.send(first, b"of the first")
            with pytest.raises(IllegalOperation):
                await side.send(first, b"once more")
            with pytest.raises(IllegalOperation):
                await first.send_offsets_to_transaction({side.tp: 1}, side.group)
            assert await side.values(consumer) == []

    tell(story)


def test_offsets_are_the_groups_with_the_commit(tell: Callable[[Story], None]) -> None:
    """Offsets count from the commit on; those of a transaction that was left open never do."""

    async def story(side: Side) -> None:
        async with side.producing() as first, side.reading() as consumer:
            assert await consumer.committed(side.tp) is None
            await first.begin_transaction()
            await side.send(first, b"a")
            await first.send_offsets_to_transaction({side.tp: 7}, side.group)
            assert await consumer.committed(side.tp) is None
            await first.commit_transaction()
            # A group's offset is a record too, and its marker may come a little late.
            await _awaited(lambda: consumer.committed(side.tp), lambda offset: offset == 7)
            await first.begin_transaction()
            await first.send_offsets_to_transaction({side.tp: 9}, side.group)
            async with side.producing():
                assert await consumer.committed(side.tp) == 7

    tell(story)


def test_a_key_alone_decides_the_partition(tell: Callable[[Story], None]) -> None:
    """A record without a partition is acknowledged where its key belongs, with its offset."""

    async def story(side: Side) -> None:
        async with side.producing() as producer:
            await producer.begin_transaction()
            record = OutRecord(side.tp.topic, b"key", b"value", timestamp_ms=5)
            assert await producer.send([record]) == [0]
            await producer.commit_transaction()

    tell(story)
