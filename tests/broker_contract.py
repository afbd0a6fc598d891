"""What journeystream needs of a broker, as tests that run against each one.

The transactions are aiokafka's, as in the product; what becomes of them is read with librdkafka.
Each test has its own topics, groups and transactional ids, so that they can share one broker.
"""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition as AiokafkaPartition
from aiokafka.errors import ProducerFenced
from confluent_kafka import OFFSET_INVALID, KafkaError

from tests.brokers import Broker
from tests.brokers.clients import (
    LARGEST_RECORD,
    client,
    committed,
    first_and_next_offset,
    fresh,
    new_topic,
    produce,
    read,
    text,
    topic_config,
    transactional,
    try_to_produce,
)
from tests.brokers.member import doomed_member, partitions_within


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
        assert first_and_next_offset(bootstrap, topic) == (0, 123)

    def test_compacted_topic_has_its_config(self, bootstrap: str) -> None:
        """A topic is created with the settings of a changelog and says them when asked."""
        config = {
            "cleanup.policy": "compact",
            "min.cleanable.dirty.ratio": "0.1",
            "max.message.bytes": str(LARGEST_RECORD),
        }
        topic = new_topic(bootstrap, config=config)
        told = topic_config(bootstrap, topic)
        assert {name: told[name] for name in config} == config

    def test_largest_changelog_record_is_taken(self, bootstrap: str) -> None:
        """A record of almost 20 MiB, the largest state of a user, is stored and read back."""
        topic = new_topic(bootstrap, config={"max.message.bytes": str(LARGEST_RECORD)})
        large = "x" * (LARGEST_RECORD - 4096)
        produce(bootstrap, topic, [("user", large)])
        assert [text(record) == large for record in read(bootstrap, topic)] == [True]

    def test_group_of_one_gets_all_partitions(self, bootstrap: str) -> None:
        """The only member of a consumer group is given all partitions within 30 s."""
        topic = new_topic(bootstrap, partitions=12)
        config = client(bootstrap, group_id=fresh("group"))
        assert partitions_within(30, config, topic, 12) == set(range(12))

    def test_static_member_takes_its_place_back(self, bootstrap: str) -> None:
        """A member killed without a word has its partitions again when its instance returns."""
        topic = new_topic(bootstrap, partitions=4)
        config = client(bootstrap, group_id=fresh("group"), group_instance_id="worker-1")
        with doomed_member(config, topic, 4):
            pass
        # Far less than the session of 45 s: the place is taken over, not waited for.
        assert partitions_within(30, config, topic, 4) == set(range(4))

    def test_open_transaction_is_not_seen_until_committed(self, bootstrap: str) -> None:
        """A read-committed consumer sees nothing of an open transaction, all once committed."""
        topic = new_topic(bootstrap, partitions=3)

        async def transaction() -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                await producer.begin_transaction()
                for partition in range(3):
                    await producer.send_and_wait(topic, b"value", partition=partition)
                assert await asyncio.to_thread(read, bootstrap, topic) == []
                everything = await asyncio.to_thread(
                    read, bootstrap, topic, isolation="read_uncommitted"
                )
                assert len(everything) == 3
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
        """Topics, their config, records, ended transactions and offsets survive a restart."""
        skip_unless_ours(broker)
        topic = new_topic(bootstrap, partitions=2, config={"cleanup.policy": "compact"})
        group = fresh("group")
        produce(bootstrap, topic, [(f"key-{n}", str(n)) for n in range(50)])

        async def transactions() -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                await producer.begin_transaction()
                await producer.send_and_wait(topic, b"aborted", key=b"aborted", partition=0)
                await producer.abort_transaction()
                async with producer.transaction():
                    await producer.send_and_wait(topic, b"50", key=b"key-50", partition=0)
                    offsets = {AiokafkaPartition(topic, 0): 3}
                    await producer.send_offsets_to_transaction(offsets, group)

        asyncio.run(transactions())
        assert committed(bootstrap, group, topic) == 3
        broker.restart()
        assert topic_config(bootstrap, topic)["cleanup.policy"] == "compact"
        assert committed(bootstrap, group, topic) == 3
        produce(bootstrap, topic, [("key-51", "51")])
        records = read(bootstrap, topic, expected=52)
        assert sorted(int(text(record)) for record in records) == list(range(52))


class FullBrokerContract(BrokerContract):
    """The laws that Apache Kafka keeps besides, which more than one trial worker needs."""

    def test_dead_member_is_replaced(self, broker: Broker, bootstrap: str) -> None:
        """The partitions of a member killed without a word go to another after its session."""
        topic = new_topic(bootstrap, partitions=4)
        session = 1000 if broker.ours else 6000
        config = client(bootstrap, group_id=fresh("group"), session_timeout_ms=session)
        config["heartbeat.interval.ms"] = session // 5
        with doomed_member(config, topic, 4):
            pass
        assert partitions_within(30, config, topic, 4) == set(range(4))

    def test_abandoned_transaction_is_aborted(self, bootstrap: str) -> None:
        """A transaction open for longer than its timeout is aborted and its producer fenced."""
        topic = new_topic(bootstrap)

        async def abandon() -> None:
            async with transactional(bootstrap, fresh("transaction"), timeout_ms=1000) as producer:
                await producer.begin_transaction()
                await producer.send_and_wait(topic, b"abandoned", partition=0)
                await asyncio.to_thread(produce, bootstrap, topic, [("key", "after")])
                # Held back behind the open transaction until the broker ends it.
                records = await asyncio.to_thread(read, bootstrap, topic, expected=1)
                assert [text(record) for record in records] == ["after"]
                with pytest.raises(ProducerFenced):
                    await producer.commit_transaction()

        asyncio.run(abandon())

    def test_open_transaction_survives_a_restart(self, broker: Broker, bootstrap: str) -> None:
        """A transaction that the broker restarts under can be committed, with all of it."""
        skip_unless_ours(broker)
        topic = new_topic(bootstrap)

        async def transaction() -> None:
            async with transactional(bootstrap, fresh("transaction")) as producer:
                await producer.begin_transaction()
                await producer.send_and_wait(topic, b"before", partition=0)
                await asyncio.to_thread(broker.restart)
                await producer.send_and_wait(topic, b"after", partition=0)
                await producer.commit_transaction()

        asyncio.run(transaction())
        records = read(bootstrap, topic, expected=2)
        assert [text(record) for record in records] == ["before", "after"]

    def test_missing_topic_is_not_made_up(self, bootstrap: str) -> None:
        """Records for a topic that nobody created are refused."""
        topic = fresh("missing")
        failed = try_to_produce(
            bootstrap, topic, [("key", "value")], topic_metadata_propagation_max_ms=0
        )
        assert [error.code() for error in failed] == [KafkaError.UNKNOWN_TOPIC_OR_PART]


def skip_unless_ours(broker: Broker) -> None:
    """Skip a test that restarts the broker if someone else runs it."""
    if not broker.ours:
        pytest.skip(f"{broker.name} ({broker.bootstrap}) is not ours to restart")
