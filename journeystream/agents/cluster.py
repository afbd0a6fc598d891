"""What a worker asks of Kafka beside its sources: producers and consumers of its own.

Most words are aiokafka's. A worker gets its cluster handed in, so that its commit, its recovery
and its clock run unchanged on the simulated cluster of the tests (tests/simulation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.agents.producer import KafkaProducer
from journeystream.broker_access import BrokerAccess
from journeystream.sinks.records import OutRecord

_FETCH_BYTES = 8 * 1024 * 1024  # per partition and fetch of a changelog: restores go in bulk


class Producer(Protocol):
    """A producer; with a transactional id `start` fences everyone who has the same."""

    async def start(self) -> None:
        """Connect, and fence."""

    async def stop(self) -> None:
        """Let go; what is open stays open."""

    async def begin_transaction(self) -> None:
        """Begin; nothing is sent outside a transaction."""

    async def send(self, records: Iterable[OutRecord]) -> list[int]:
        """Send records and wait until the broker has them; return their offsets."""

    def makes_one_batch(self, records: Iterable[OutRecord]) -> bool:
        """Tell whether records of one partition surely go in one batch, which stands or not."""

    async def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, int], group_id: str
    ) -> None:
        """Let the group have consumed up to `offsets` if the transaction is committed."""

    async def commit_transaction(self) -> None:
        """Make it true."""


class Consumer(Protocol):
    """A consumer that reads the partitions it gives itself."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Let go."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Say what is read."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from an offset."""

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset to be read next."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return what is there, or comes within the time."""

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return where partitions begin now."""

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return up to where partitions can be read now."""

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return what the group has consumed up to."""


class Cluster(Protocol):
    """Where producers and consumers come from; `address` is for messages to people."""

    @property
    def address(self) -> str:
        """host:port, for messages."""

    def producer(self, transactional_id: str | None) -> Producer:
        """Return a producer, not started; without an id it knows no transactions."""

    def consumer(self, group: str | None = None, *, committed: bool = True) -> Consumer:
        """Return a consumer, not started, that joins nothing.

        With a group it may ask for the offsets that the group has committed. One that is not of
        committed records only sees partitions end behind open transactions.
        """


class KafkaCluster:
    """The Kafka that there is access to."""

    def __init__(self, bootstrap: BrokerAccess) -> None:
        self.address = bootstrap.address
        self._bootstrap = bootstrap

    def producer(self, transactional_id: str | None) -> Producer:
        """Return a producer, not started; without an id it knows no transactions."""
        return KafkaProducer(self._bootstrap, transactional_id)

    def consumer(self, group: str | None = None, *, committed: bool = True) -> Consumer:
        """Return a consumer, not started, that joins nothing."""
        consumer: Consumer = self._bootstrap.consumer(
            group_id=group,
            enable_auto_commit=False,
            isolation_level="read_committed" if committed else "read_uncommitted",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        return consumer
