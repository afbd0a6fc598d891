"""A batch begins where the consumer stood, or, where it stands anew, where its partition begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.consumer.subscription_state import SubscriptionState, TopicPartitionState
from aiokafka.errors import KafkaTimeoutError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from journeystream.agents.batch import Batch
from journeystream.agents.batch_transport import BatchConsumerThread
from journeystream.agents.fetch_wait import Pace

TP = TopicPartition("events", 2)
STOOD, BEGIN, FIRST = 5, 7, 9


class Consumer:
    """aiokafka's consumer as far as it is asked: one partition, at STOOD; `asked` does something
    while it is asked where the partition begins."""  # noqa: D205, D209  one sentence

    def __init__(self, asked: Callable[[Consumer], None]) -> None:
        self.questions = 0
        self._asked = asked
        self._subscription = SubscriptionState()
        self._fetcher = SimpleNamespace(_records={})
        self.assign(STOOD)

    def assign(self, position: int) -> None:
        """Be given the partition, anew."""
        self._subscription.assign_from_user([TP])
        self.state.seek(position)

    @property
    def state(self) -> TopicPartitionState:
        """What it knows of the partition."""
        return self._subscription.subscription.assignment.state_value(TP)

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where partitions begin."""
        self.questions += 1
        self._asked(self)
        return dict.fromkeys(tps, BEGIN)


def nothing(_: Consumer) -> None:
    """Let nothing happen."""


def reset(consumer: Consumer) -> None:
    """Let retention overtake it."""
    consumer.state.await_reset(OffsetResetStrategy.EARLIEST)
    consumer.state.reset_to(BEGIN)


def rebalance(consumer: Consumer) -> None:
    """Give the partition up, and get it again."""
    consumer.assign(STOOD)


def unanswered(_: Consumer) -> None:
    """Let Kafka not answer."""
    raise KafkaTimeoutError


def fetched(
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Consumer], None],
    asked: Callable[[Consumer], None] = nothing,
) -> tuple[list[Batch], int]:
    """Return what a fetch of one record, at FIRST, brings, and how many questions it took."""

    async def fetch(_: object, consumer: Consumer, *__: object) -> dict[TopicPartition, list[Any]]:
        meanwhile(consumer)
        consumer.state.consumed_to(FIRST + 1)
        return {TP: [SimpleNamespace(offset=FIRST)]}

    monkeypatch.setattr(AIOKafkaConsumerThread, "_fetch_records", fetch)
    thread = cast("Any", BatchConsumerThread.__new__(BatchConsumerThread))
    thread.app = SimpleNamespace(consumer_generation_id=1)
    thread._handed, thread._generation, thread._pace = {}, 1, Pace()

    async def story() -> tuple[list[Batch], int]:
        consumer = Consumer(asked)
        batches = await thread._fetch_records(consumer, {TP})
        return batches.get(TP, []), consumer.questions

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("meanwhile", "asked", "start", "questions"),
    [
        (nothing, nothing, STOOD, 0),
        (reset, nothing, BEGIN, 1),
        (rebalance, nothing, BEGIN, 1),
        (reset, unanswered, 0, 1),
    ],
)
def test_where_a_batch_begins(
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Consumer], None],
    asked: Callable[[Consumer], None],
    start: int,
    questions: int,
) -> None:
    """What lies before the first record was passed over rightly as far as is known, and Kafka is
    asked only where the consumer stands anew."""  # noqa: D205, D209  one sentence
    [batch], took = fetched(monkeypatch, meanwhile, asked)
    assert (batch.start, batch.next_offset, took) == (start, FIRST + 1, questions)


def test_a_rebalance_while_kafka_is_asked_brings_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read for an assignment that is over is not handed to the next one."""
    assert fetched(monkeypatch, reset, rebalance) == ([], 1)
