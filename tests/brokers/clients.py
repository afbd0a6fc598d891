"""What tests do with a broker through clients: topics, records, offsets, transactions.

All but the transactions goes through librdkafka, which shares no code with the client of the
product: what it reads is what destinations read.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

# Not from `admin`, which has them too but does not export them for type checkers.
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

SECONDS = 30.0
LARGEST_RECORD = 20_971_520


def client(bootstrap: str, **more: str | float | bool) -> dict[str, str | float | bool]:
    """Return the configuration of a librdkafka client; `more` has `_` for each `.`."""
    named = {name.replace("_", "."): setting for name, setting in more.items()}
    # log_level 2: that brokers stop is no news in tests.
    quiet = {"log_level": 2, "reconnect.backoff.max.ms": 200}
    return {"bootstrap.servers": bootstrap, **quiet, **named}


def fresh(kind: str) -> str:
    """Return a name that no other test has."""
    return f"{kind}-{uuid4().hex[:12]}"


def text(record: Message) -> str:
    """Return the record's value as text."""
    return (record.value() or b"").decode()


def new_topic(bootstrap: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
    """Create a topic of a fresh name and return the name once its partitions have leaders."""
    name = fresh("topic")
    admin = AdminClient(client(bootstrap))
    wanted = NewTopic(name, partitions, replication_factor=1, config=dict(config or {}))
    admin.create_topics([wanted])[name].result(SECONDS)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = admin.list_topics(name, timeout=5).topics[name].partitions.values()
        if len(found) == partitions and all(one.leader >= 0 for one in found):
            return name
    raise AssertionError(f"{name} has no leaders")


def topic_config(bootstrap: str, topic: str) -> dict[str, str]:
    """Return the settings of a topic as the broker tells them."""
    admin = AdminClient(client(bootstrap))
    asked = ConfigResource(ConfigResource.Type.TOPIC, topic)
    (answer,) = admin.describe_configs([asked]).values()
    return {name: entry.value for name, entry in answer.result(SECONDS).items()}


def try_to_produce(
    bootstrap: str, topic: str, records: Sequence[tuple[str, str]], **config: str | float | bool
) -> list[KafkaError]:
    """Send keys and values and return the errors of those that the broker did not take."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _record: Message) -> None:
        if error is not None:
            failed.append(error)

    sizes = {"enable_idempotence": True, "message_max_bytes": LARGEST_RECORD}
    producer = Producer(client(bootstrap, **sizes, **config))
    for key, value in records:
        producer.produce(topic, value, key, on_delivery=delivered)
    assert producer.flush(SECONDS) == 0
    return failed


def produce(bootstrap: str, topic: str, records: Sequence[tuple[str, str]]) -> None:
    """Send keys and values; the broker has them all on return."""
    assert try_to_produce(bootstrap, topic, records) == []


def read(
    bootstrap: str, topic: str, *, expected: int = 0, isolation: str = "read_committed"
) -> list[Message]:
    """Return all records up to the end of each partition.

    If there are fewer than `expected`, wait for them, and then read on to the end.
    """
    config = client(bootstrap, group_id=fresh("reader"), isolation_level=isolation)
    more = {"enable.partition.eof": True, "fetch.wait.max.ms": 50, "enable.auto.commit": False}
    consumer = Consumer(config | more)
    try:
        partitions = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        records: list[Message] = []
        at_end: set[int | None] = set()
        deadline = time.monotonic() + SECONDS
        while len(at_end) < len(partitions) or len(records) < expected:
            assert time.monotonic() < deadline, f"{len(records)} records, at end: {at_end}"
            message = consumer.poll(0.1)
            if message is None:
                continue
            error = message.error()
            if error is None:
                records.append(message)
                at_end.discard(message.partition())
            elif error.code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
            else:
                raise KafkaException(error)
        return records
    finally:
        consumer.close()


def first_and_next_offset(bootstrap: str, topic: str) -> tuple[int, int]:
    """Return what ListOffsets answers for partition 0, for earliest and for latest."""
    consumer = Consumer(client(bootstrap, group_id=fresh("reader")))
    try:
        offsets = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=SECONDS)
        assert offsets is not None
        return int(offsets[0]), int(offsets[1])
    finally:
        consumer.close()


def committed(bootstrap: str, group: str, topic: str) -> int:
    """Return the group's offset of partition 0 once no transaction on it is pending."""
    # Reading committed, which is the default, asks the broker for stable offsets.
    consumer = Consumer(client(bootstrap, group_id=group))
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=5)
            except KafkaException:
                # After a start, a broker answers that it does not coordinate the group (yet).
                if time.monotonic() > deadline:
                    raise
                consumer.poll(0.05)
            else:
                return int(found.offset)
    finally:
        consumer.close()


@asynccontextmanager
async def transactional(
    bootstrap: str, name: str, timeout_ms: int = 60_000
) -> AsyncIterator[AIOKafkaProducer]:
    """Run a transactional producer as the product's are."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=name, transaction_timeout_ms=timeout_ms
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()
