"""What the benchmark asks of the broker: topics, how far a group is, what was put out.

It is librdkafka's view, and so nobody's own: offsets and records as any client sees them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.oracle import Output
from bench.workload import Event

PARTITIONS = 4
_PATIENCE = 120.0
_READ_SECONDS = 0.5
_TOLD_EVERY = 10_000
_LOG_LEVEL = 2  # a broker that has been stopped is no news
_STARTING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.GROUP_ID_NOT_FOUND,
)
_LEADERLESS = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


class Cluster:
    """A connection to the broker at `bootstrap`; topics here have so many partitions."""

    def __init__(self, bootstrap: str, partitions: int = PARTITIONS) -> None:
        self.bootstrap = bootstrap
        self.partitions = partitions
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": _LOG_LEVEL})

    def create(self, *topics: str) -> None:
        """Create topics that keep all they get."""
        config = {"retention.ms": "-1"}
        new = [NewTopic(name, self.partitions, 1, config=config) for name in topics]
        for done in self._admin.create_topics(new).values():
            done.result(_PATIENCE)

    def delete_all(self, prefix: str) -> None:
        """Delete the topics whose names contain `prefix`; a broker deletes their files later."""
        topics = self._admin.list_topics(timeout=_PATIENCE).topics
        if names := [name for name in topics if prefix in name]:
            for done in self._admin.delete_topics(names).values():
                done.result(_PATIENCE)

    def produce(
        self, topic: str, events: Iterable[Event], tell: Callable[[int], None]
    ) -> Iterator[Event]:
        """Produce events keyed by user, and yield each; all are acknowledged at the end."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",  # Kafka's own, which all clients here agree on
                "enable.idempotence": True,
                "linger.ms": 50,
                "log_level": _LOG_LEVEL,
            }
        )
        for count, event in enumerate(events, 1):
            while True:
                try:
                    producer.produce(topic, event.value, key=event.user)
                    break
                except BufferError:
                    producer.poll(1)
            if count % _TOLD_EVERY == 0:
                producer.poll(0)
                tell(count)
            yield event
        if producer.flush(_PATIENCE):
            raise TimeoutError("the broker does not take the workload")

    @contextmanager
    def onlooker(self, group: str) -> Iterator[Onlooker]:
        """Return one who looks on at a group for the length of the block."""
        # Else it is answered only in a moment in which no partition has a transaction open.
        consumer = self._consumer(group, isolation="read_uncommitted")
        try:
            yield Onlooker(consumer, self.partitions)
        finally:
            consumer.close()

    def members(self, group: str) -> int:
        """Return how many members a group has that is at work, 0 while it gathers."""
        try:
            found = self._admin.describe_consumer_groups([group])[group].result(_PATIENCE)
        except KafkaException as error:
            if error.args[0].code() not in _STARTING:
                raise
            return 0
        return len(found.members) if found.state is ConsumerGroupState.STABLE else 0

    def count(self, topics: Iterable[str]) -> int:
        """Return how many records can be read, committed ones only."""
        return sum(1 for topic in topics for _ in self._read(topic))

    def outputs(self, topic: str) -> Counter[Output]:
        """Return the Audience Entered and Exited events of a topic, committed ones only."""
        found: Counter[Output] = Counter()
        for message in self._read(topic):
            value = json.loads(message.value() or b"")
            at = datetime.fromisoformat(value["timestamp"]).timestamp()
            found[value["userId"], value["event"], round(at * 1_000)] += 1
        return found

    def _read(self, topic: str) -> Iterator[Message]:
        consumer = self._consumer("bench-readers")
        left = set(range(self.partitions))
        consumer.assign([TopicPartition(topic, number, 0) for number in left])
        try:
            deadline = time.monotonic() + _PATIENCE
            while left:
                # It waits for as many as are asked for, or for all of this time.
                for message in consumer.consume(10_000, _READ_SECONDS):
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  its only name
                        left.discard(message.partition())
                    else:
                        raise KafkaException(error)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic} can not be read to its end")
        finally:
            consumer.close()

    def _consumer(self, group: str, isolation: str = "read_committed") -> Consumer:
        """Return a consumer that may ask for a group and, never subscribing, joins none."""
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "log_level": _LOG_LEVEL,
            }
        )


class Onlooker:
    """Sees how far a consumer group is, and joins nothing."""

    def __init__(self, consumer: Consumer, partitions: int) -> None:
        self._consumer = consumer
        self._partitions = partitions

    def committed(self, topic: str) -> int:
        """Return the offsets that the group has committed, all partitions together."""
        try:
            found = self._consumer.committed(self._all(topic), _PATIENCE)
        except KafkaException as error:
            if error.args[0].code() not in _STARTING:
                raise
            return 0
        return sum(max(tp.offset, 0) for tp in found)

    def records(self, topic: str) -> int:
        """Return the offsets in a topic: its records, where nothing is transactional."""
        return sum(self._end(tp) for tp in self._all(topic))

    def _end(self, tp: TopicPartition) -> int:
        try:
            end: int = self._consumer.get_watermark_offsets(tp, timeout=_PATIENCE)[1]
        except KafkaException as error:
            # A topic that was made a moment ago may have no leader yet, and no record.
            if error.args[0].code() not in _LEADERLESS:
                raise
            return 0
        return end

    def _all(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._partitions)]
