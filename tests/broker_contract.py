"""What journeystream needs of a broker, as tests that run against each one.

The transactions are aiokafka's, as in the product; what destinations see of them is read with
librdkafka, which shares no code with it. Each test has its own topics, groups and transactional
ids, so that they can share one broker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka import TopicPartition as AiokafkaPartition
from aiokafka.errors import ProducerFenced
from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from tests.brokers import Broker

SECONDS = 30.0
# log_level 2: that a broker restarts is no news in these tests.
QUIET = {"log_level": 2, "reconnect.backoff.max.ms": 200}


class BrokerContract:
    """The laws of every broker. A subclass gives the fixture `broker`."""

    @pytest.fixture
    def bootstrap(self, broker: Broker) -> str:
        """Return the address of the broker under test."""
        return broker.bootstrap

    def test_records_of_one_key_keep_their_order(self, bootstrap: str) -> None:
        """Records of one key are read from one partition in the order of their sending."""
        topic = new_topic(bootstrap, partitions=4)
        produce(bootstrap, topic, [(f"key-{n % 7}", str(n)) for n in range(700)])
        of_key: dict[bytes | None, list[tuple[int | None, int]]] = {}
        for record in read(bootstrap, topic):
            of_key.setdefault(record.key(), []).append((record.partition(), int(text(record))))
        assert len(of_key) == 7
        for seen in of_key.values():
            assert len({partition for partition, _ in seen}) == 1
            numbers = [number for _, number in seen]
            assert numbers == sorted(numbers)
            assert len(numbers) == 100

    def test_latest_offset_is_what_was_produced(self, bootstrap: str) -> None:
        """ListOffsets answers `latest` with the number of records produced, `earliest` with 0."""
        topic = new_topic(bootstrap)
        produce(bootstrap, topic, [("key", str(n)) for n in range(123)])
        assert offset_of(bootstrap, topic, OffsetSpec.earliest()) == 0
        assert offset_of(bootstrap, topic, OffsetSpec.latest()) == 123

    def test_compacted_topic_has_its_config(self, bootstrap: str) -> None:
        """A topic is created with the settings of a changelog and says them when asked."""
        config = {
            "cleanup.policy": "compact",
            "min.cleanable.dirty.ratio": "0.1",
            "max.message.bytes": "20971520",
        }
        topic = new_topic(bootstrap, config=config)
        resource = ConfigResource(ResourceType.TOPIC, topic)
        admin = AdminClient(client(bootstrap))
        (described,) = admin.describe_configs([resource]).values()
        entries = described.result(SECONDS)
        assert {name: entries[name].value for name in config} == config

    def test_largest_changelog_record_is_taken(self, bootstrap: str) -> None:
        """A record of almost 20 MiB, the largest state of a user, is stored and read back."""
        topic = new_topic(bootstrap, config={"max.message.bytes": "20971520"})
        large = "x" * (20 * 1024 * 1024 - 4096)
        produce(bootstrap, topic, [("user", large)])
        assert [text(record) == large for record in read(bootstrap, topic)] == [True]

    def test_group_of_one_gets_all_partitions(self, bootstrap: str) -> None:
        """The only member of a consumer group is given all partitions within 10 s."""
        topic = new_topic(bootstrap, partitions=12)
        consumer = Consumer(client(bootstrap) | {"group.id": fresh("group")})
        try:
            consumer.subscribe([topic])
            deadline = time.monotonic() + 10
            while len(consumer.assignment()) < 12 and time.monotonic() < deadline:
                consumer.poll(0.1)
            assert {assigned.partition for assigned in consumer.assignment()} == set(range(12))
        finally:
            consumer.close()

    def test_open_transaction_is_not_seen_until_committed(self, bootstrap: str) -> None:
        """A read-committed consumer sees nothing of an open transaction, all once committed."""
        topic = new_topic(bootstrap, partitions=3)

        async def transaction() -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                await producer.begin_transaction()
                for partition in range(3):
                    await producer.send_and_wait(topic, b"value", partition=partition)
                assert await asyncio.to_thread(read, bootstrap, topic) == []
                uncommitted = await asyncio.to_thread(
                    read, bootstrap, topic, isolation="read_uncommitted"
                )
                assert len(uncommitted) == 3
                await producer.commit_transaction()

        asyncio.run(transaction())
        assert {record.partition() for record in read(bootstrap, topic, expected=3)} == {0, 1, 2}

    def test_aborted_transaction_is_never_seen(self, bootstrap: str) -> None:
        """A read-committed consumer sees the transactions around an aborted one, nothing of it."""
        topic = new_topic(bootstrap)

        async def transactions() -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                async with producer.transaction():
                    await producer.send_and_wait(topic, b"before", partition=0)
                await producer.begin_transaction()
                await producer.send_and_wait(topic, b"aborted", partition=0)
                await producer.abort_transaction()
                async with producer.transaction():
                    await producer.send_and_wait(topic, b"after", partition=0)

        asyncio.run(transactions())
        records = read(bootstrap, topic, expected=2)
        assert [text(record) for record in records] == ["before", "after"]

    def test_second_producer_fences_the_first(self, bootstrap: str) -> None:
        """A producer that starts with the id of another aborts its transaction and fences it."""
        topic = new_topic(bootstrap)
        name = fresh("transaction")

        async def takeover() -> None:
            async with transactional(bootstrap, name) as first:
                await first.begin_transaction()
                await first.send_and_wait(topic, b"of the first", partition=0)
                async with transactional(bootstrap, name) as second:
                    async with second.transaction():
                        await second.send_and_wait(topic, b"of the second", partition=0)
                    with pytest.raises(ProducerFenced):
                        await first.commit_transaction()

        asyncio.run(takeover())
        records = read(bootstrap, topic, expected=1)
        assert [text(record) for record in records] == ["of the second"]

    def test_offsets_of_a_transaction_are_kept_with_it(self, bootstrap: str) -> None:
        """Offsets sent in a transaction are committed with it, and forgotten when it aborts."""
        topic = new_topic(bootstrap)
        group = fresh("group")

        async def move_to(offset: int, *, commit: bool) -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                await producer.begin_transaction()
                offsets = {AiokafkaPartition(topic, 0): offset}
                await producer.send_offsets_to_transaction(offsets, group)
                await (producer.commit_transaction() if commit else producer.abort_transaction())

        asyncio.run(move_to(5, commit=False))
        assert committed(bootstrap, group, topic) == OFFSET_INVALID
        asyncio.run(move_to(7, commit=True))
        assert committed(bootstrap, group, topic) == 7
        asyncio.run(move_to(9, commit=False))
        assert committed(bootstrap, group, topic) == 7

    def test_all_is_there_after_a_restart(self, broker: Broker, bootstrap: str) -> None:
        """Topics, their config, records, transactions and offsets survive a broker's restart."""
        if not broker.ours:
            pytest.skip(f"{broker.name} is not ours to restart")
        config = {"cleanup.policy": "compact"}
        topic = new_topic(bootstrap, partitions=2, config=config)
        group = fresh("group")
        produce(bootstrap, topic, [(f"key-{n}", str(n)) for n in range(50)])

        async def transaction() -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                await producer.begin_transaction()
                await producer.send_and_wait(topic, b"aborted", key=b"aborted", partition=0)
                await producer.abort_transaction()
                async with producer.transaction():
                    offsets = {AiokafkaPartition(topic, 0): 3}
                    await producer.send_offsets_to_transaction(offsets, group)

        asyncio.run(transaction())
        assert committed(bootstrap, group, topic) == 3
        broker.restart()
        records = read(bootstrap, topic, expected=50)
        assert sorted(int(text(record)) for record in records) == list(range(50))
        assert committed(bootstrap, group, topic) == 3
        produce(bootstrap, topic, [("key", "50")])
        assert len(read(bootstrap, topic, expected=51)) == 51


def client(bootstrap: str) -> dict[str, str | int | float | bool]:
    """Return what every client of these tests is configured with."""
    return {"bootstrap.servers": bootstrap, **QUIET}


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


def produce(bootstrap: str, topic: str, records: list[tuple[str, str]]) -> None:
    """Send keys and values and wait until the broker has them all."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _record: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer(
        client(bootstrap) | {"enable.idempotence": True, "message.max.bytes": 20971520}
    )
    for key, value in records:
        producer.produce(topic, value, key, on_delivery=delivered)
    assert producer.flush(SECONDS) == 0
    assert failed == []


def read(
    bootstrap: str, topic: str, *, expected: int = 0, isolation: str = "read_committed"
) -> list[Message]:
    """Return all records up to the end of each partition.

    If there are fewer than `expected`, wait for them, and then see that none follows.
    """
    config = {"group.id": fresh("reader"), "enable.partition.eof": True, "fetch.wait.max.ms": 50}
    consumer = Consumer(
        client(bootstrap) | config | {"isolation.level": isolation, "enable.auto.commit": False}
    )
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


def offset_of(bootstrap: str, topic: str, spec: OffsetSpec) -> int:
    """Return what ListOffsets answers for partition 0."""
    admin = AdminClient(client(bootstrap))
    (answer,) = admin.list_offsets({TopicPartition(topic, 0): spec}).values()
    return int(answer.result(SECONDS).offset)


def committed(bootstrap: str, group: str, topic: str) -> int:
    """Return the group's offset of partition 0 once no transaction on it is pending."""
    # Reading committed, which is the default, asks the broker for stable offsets.
    consumer = Consumer(client(bootstrap) | {"group.id": group})
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=5)
            except KafkaException as error:
                # A coordinator that loads its partition after a start says to ask again.
                if time.monotonic() > deadline or not error.args[0].retriable():
                    raise
            else:
                return int(found.offset)
    finally:
        consumer.close()


@asynccontextmanager
async def transactional(bootstrap: str, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """Run a transactional producer as the product's are."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=name, transaction_timeout_ms=60_000
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()
