"""Reading topics as destinations do: committed records, from the start to the end."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.integration.waiting import PATIENCE, wait_until


@dataclass(frozen=True)
class Received:
    """A record as a destination got it."""

    partition: int
    key: str
    value: dict[str, Any] | None
    headers: dict[str, str]


def received(message: Message) -> Received:
    """Return what a destination makes of a message."""
    key, value = message.key(), message.value()
    assert key is not None, "an output has no key"
    headers: Any = message.headers() or []
    return Received(
        message.partition() or 0,
        key.decode(),
        None if value is None else json.loads(value),
        {name: data.decode() for name, data in headers},
    )


@contextlib.contextmanager
def reader(bootstrap: str, group: str = "readers") -> Iterator[Consumer]:
    """Make a consumer of committed records, which subscribes to nothing and so joins nothing."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.message.max.bytes": 40_000_000,
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def end_of(consumer: Consumer, tp: TopicPartition) -> int:
    """Return where a partition ends now."""
    ends: list[int] = []

    def is_told() -> bool:
        try:
            ends.append(int(consumer.get_watermark_offsets(tp, timeout=PATIENCE)[1]))
        except KafkaException as error:
            # A broker that has just woken may not know its partitions at once.
            if error.args[0].code() != KafkaError._UNKNOWN_PARTITION:
                raise
            return False
        return True

    wait_until(is_told, f"the end of {tp.topic}")
    return ends[0]


def read_to_end(consumer: Consumer, topic: str) -> list[Message]:
    """Read a topic to where the broker says that it ends; ordered by partition, offset."""
    partitions = set(consumer.list_topics(topic, PATIENCE).topics[topic].partitions)
    assert partitions, f"there is no topic {topic}"
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE
    while partitions:
        assert time.monotonic() < deadline, f"{topic} can not be read to its end"
        message = consumer.poll(1)
        if message is None:
            continue
        error = message.error()
        if error is None:
            messages.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            partitions.discard(message.partition())
        else:
            raise KafkaException(error)
    return sorted(messages, key=lambda message: (message.partition(), message.offset()))
