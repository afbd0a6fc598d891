"""What goes on by itself when Kafka was away, and what refuses to begin."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from aiokafka.structs import ConsumerRecord

from journeystream import metrics
from journeystream.agents.changelog import Ledger, Restored, Stamp
from journeystream.agents.cluster import Consumer, KafkaCluster, Producer
from journeystream.agents.commit import Committer, close
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.agents.control import Control
from journeystream.agents.partition import Partition
from journeystream.agents.partitions import Partitions
from journeystream.agents.standby import Standby
from journeystream.agents.telling import Teller
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.embedded_broker import EmbeddedBroker
from journeystream.errors import OutputRefused, StateError
from journeystream.project import Project
from journeystream.publishing import workshop_of
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from tests.brokers.clients import new_topic

PATIENCE = 20.0


class EmptyTopics:
    """Consumers of topics without records, which are away for a while in the middle."""

    address = "127.0.0.1:9092"

    def __init__(self) -> None:
        self.asked = 0
        self.asked_again = asyncio.Event()

    def producer(self, transactional_id: str | None) -> Producer:
        """Refuse."""
        raise AssertionError(transactional_id)

    def consumer(self, group: str | None = None, *, committed: bool = True) -> Consumer:
        """Return the one consumer."""
        del group, committed
        return self

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Let go."""

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Say what is read."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from an offset."""

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset to be read next."""
        del partition
        return 0

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return nothing."""
        del partitions, timeout_ms, max_records
        await asyncio.sleep(0)
        return {}

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the beginnings."""
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends, or time out as aiokafka does."""
        self.asked += 1
        if self.asked == 3:
            raise KafkaTimeoutError
        if self.asked > 5:
            self.asked_again.set()
        return dict.fromkeys(partitions, 0)

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return nothing."""
        del partition
        return None


class FastClock(WallClock):
    """A clock on which a second passes with every look."""

    seconds = 0.0

    def elapsed(self) -> float:
        """Return a second more."""
        self.seconds += 1.0
        return self.seconds


class SteadyTopics(EmptyTopics):
    """Consumers that are never away, and count what they are asked."""

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends, in a while."""
        self.asked += 1
        await asyncio.sleep(0)
        return dict.fromkeys(partitions, 0)


class SlowTopics(EmptyTopics):
    """Consumers that take a while to start, and know nothing before."""

    started = False

    async def start(self) -> None:
        """Connect, in a while."""
        await asyncio.sleep(0)
        self.started = True

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends; fail where aiokafka would."""
        assert self.started
        return dict.fromkeys(partitions, 7)


def test_partitions_that_ask_at_once_wait_for_the_one_connection() -> None:
    """Who asks for what is written while another one opens the connection waits until it is."""
    tp = TopicPartition("shop.rekeyed", 0)

    async def run() -> list[dict[TopicPartition, int]]:
        workshop = workshop_of(None)
        control = Control("shop.control", SlowTopics(), "shop", workshop, WallClock())
        return await asyncio.gather(*(control.written([tp]) for _ in range(3)))

    assert asyncio.run(run()) == [{tp: 7}] * 3


def test_turns_that_begin_at_once_ask_once_what_was_published() -> None:
    """However many partitions begin a turn at the same time, the control topic is asked once."""

    async def story() -> int:
        topics = SteadyTopics()
        control = Control("control", topics, "g", workshop_of(None), WallClock())
        await control.start()
        before = topics.asked
        await asyncio.gather(*(control.current() for _ in range(4)))
        asked = topics.asked - before
        await control.stop()
        return asked

    assert asyncio.run(story()) == 1


def test_the_control_topic_is_followed_after_an_outage() -> None:
    """A worker to which nothing happens notices all the same that Kafka has come back."""

    async def story() -> None:
        topics = EmptyTopics()
        workshop = workshop_of(Project.model_validate({"sources": [{"topic": "events"}]}))
        control = Control("control", topics, "g", workshop, FastClock())
        await control.start()
        async with asyncio.timeout(PATIENCE):
            await topics.asked_again.wait()
        await control.stop()

    asyncio.run(story())


def test_a_standby_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage ends a standby, and after a pause it begins again."""
    begun: list[int] = []
    again = asyncio.Event()
    monkeypatch.setattr("journeystream.agents.partitions._AGAIN_SECONDS", 0.0)

    class Failing(Standby):
        async def run(self) -> None:
            begun.append(1)
            if len(begun) == 1:
                raise KafkaTimeoutError
            again.set()
            await asyncio.Event().wait()

    def make(number: int) -> Partition:
        raise AssertionError(number)

    async def crash(error: BaseException) -> None:
        raise error

    async def story() -> None:
        ledger = Ledger(3, "changelog", "g")
        partitions = Partitions(
            make, lambda _: Failing(MemoryStore, ledger, EmptyTopics()), crash, 1.0
        )
        await partitions.assign([], [3])
        async with asyncio.timeout(PATIENCE):
            await again.wait()
        assert partitions.standing_by == [3]
        await partitions.stop()

    asyncio.run(story())


def test_exactly_once_does_not_take_over_half_a_turn() -> None:
    """Where an at-least-once worker died within a turn, the other guarantee refuses to begin."""

    async def story() -> None:
        committer = Committer(
            Ledger(3, "changelog", "g"), KafkaCluster(BrokerAccess("127.0.0.1:1")), MemoryStore()
        )
        await committer.resume(Restored(1, 1, 1, {}, frozenset()))
        with pytest.raises(StateError, match="start once with at_least_once"):
            await committer.resume(Restored(1, 1, 0, {"u1": Stamp({}, 0)}, frozenset()))
        await committer.stop()

    asyncio.run(story())


def test_what_a_topic_does_not_take_is_named_and_counted(kafka: str) -> None:
    """A record beyond the topic's bound is refused with topic, size and advice, by its reason."""
    topic = new_topic(kafka, config={"max.message.bytes": "100000"})
    ledger = Ledger(3, topic, "g")

    async def tell(offsets: Mapping[TopicPartition, int]) -> None:
        raise AssertionError(offsets)

    async def story() -> None:
        committer = RepeatingCommitter(
            ledger, KafkaCluster(BrokerAccess(kafka)), MemoryStore(), Teller(tell)
        )
        await committer.start()
        with pytest.raises(
            OutputRefused, match=rf"{topic} does not take 1 .*3,000,\d\d\d bytes.*max"
        ):
            await committer.commit(
                [OutRecord(topic, b"k", b"x" * 3_000_000)], [], PartitionState(), {}
            )
        await committer.stop()

    before = metrics.COMMITS_FAILED.labels(3, "too_large")._value.get()
    asyncio.run(story())
    assert metrics.COMMITS_FAILED.labels(3, "too_large")._value.get() == before + 1


def test_a_closed_connection_does_not_fail_a_transaction(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the question for a coordinator meets a session that has ended, it is asked again."""
    topic, asked = new_topic(kafka), 0
    look_up = AIOKafkaClient.coordinator_lookup

    async def closed_twice(self: AIOKafkaClient, kind: int, key: str) -> Any:  # noqa: ANN401  aiokafka's
        nonlocal asked
        asked += 1
        if asked in {1, 3}:
            raise KafkaConnectionError("Connection closed")
        return await look_up(self, kind, key)

    monkeypatch.setattr(AIOKafkaClient, "coordinator_lookup", closed_twice)

    async def story() -> None:
        producer = KafkaCluster(BrokerAccess(kafka)).producer(f"{topic}-0")
        await producer.start()
        await producer.begin_transaction()
        await producer.send([OutRecord(topic, b"k", b"v")])
        await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 1}, f"{topic}-group")
        await producer.commit_transaction()
        await producer.stop()

    asyncio.run(asyncio.wait_for(story(), PATIENCE))
    assert asked >= 4, "for the transactional id and for the group, again and again"


async def at_work(broker: EmbeddedBroker) -> tuple[Producer, str]:
    """Return a producer that has sent something, and the topic where to."""
    topic = new_topic(broker.bootstrap)
    producer = KafkaCluster(BrokerAccess(broker.bootstrap)).producer(None)
    await producer.start()
    await producer.send([OutRecord(topic, b"k", b"before")])
    return producer, topic


def test_a_producer_lets_go_of_a_broker_that_reads_nothing(tmp_path: Path) -> None:
    """Where more is under way than the network holds, and nobody takes it, closing has an end."""

    async def story() -> None:
        with EmbeddedBroker(tmp_path / "broker") as broker:
            producer, topic = await at_work(broker)
            assert broker._child is not None
            os.kill(broker._child.pid, signal.SIGSTOP)
            try:
                much = OutRecord(topic, b"k", bytes(30_000_000))
                sending = asyncio.ensure_future(producer.send([much]))
                await asyncio.wait((sending,), timeout=1.0)
                sending.cancel()
                await asyncio.wait_for(close(producer), PATIENCE / 2)
            finally:
                os.kill(broker._child.pid, signal.SIGCONT)

    asyncio.run(story())


def test_a_producer_that_is_cut_short_sends_nothing_when_its_broker_is_back(tmp_path: Path) -> None:
    """What a broker that was away has not taken is dropped with the producer: by then another
    worker may have the partition."""  # noqa: D205, D209  one sentence

    async def story() -> None:
        with EmbeddedBroker(tmp_path / "broker") as broker:
            producer, topic = await at_work(broker)
        mine = asyncio.current_task()
        sending = asyncio.ensure_future(producer.send([OutRecord(topic, b"k", b"meanwhile")]))
        await asyncio.wait((sending,), timeout=0.2)
        sending.cancel()
        await close(producer)
        if others := asyncio.all_tasks() - {mine}:
            _, left = await asyncio.wait(others, timeout=PATIENCE)
            assert not left

    asyncio.run(story())
