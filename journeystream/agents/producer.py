"""A producer of a turn's records: whole batches, made here and sent as they are.

Record by record, aiokafka makes a future for each and looks at the topic's metadata again; a batch
costs that once. Laws: the records of a partition arrive in their order;
a record goes where it says, or where a plain producer puts its key; the first failure is raised,
and with a transaction nothing of it counts. A topic that does not take its records is named:
aiokafka would wait for one that is missing, within a transaction for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from journeystream.agents.home import home_of
from journeystream.broker_access import BrokerAccess
from journeystream.errors import OutputRefused
from journeystream.sinks.records import OutRecord

_LARGEST_RECORD = 32 * 1024 * 1024  # the dead letter of the largest record that a source takes
_ASK_SECONDS = 3.0  # between two looks whether what is not taken has a topic
_MISSING_TIMES = 3  # a broker that has just started may not know its topics at once
# A broker that still writes the markers of the turn before asks to be tried again.
_RETRY_MS = 20
_BATCH_BYTES = 900_000  # a broker takes 1 MiB unless told otherwise; a larger record goes alone
_BESIDE_BYTES = 50  # at most: what a record and each of its headers take beside what they say


@dataclass(slots=True)
class _Batch:
    """A batch for one partition, and the offset of its first record once it stands."""

    tp: TopicPartition
    builder: Any
    first: int = -1

    def refused(self, error: Exception) -> Exception:
        """Return what to raise: a refusal by the topic with what to do, or the error itself."""
        count, size = self.builder.record_count(), self.builder.size()
        what = f"{self.tp.topic} does not take {count} record(s) of {size:,} bytes"
        if isinstance(error, (MessageSizeTooLargeError, RecordListTooLargeError)):
            return OutputRefused(
                "too_large",
                f"{what}: raise max.message.bytes of the topic above that. Nothing is lost: the "
                f"turn was not committed, and is taken again",
            )
        if isinstance(error, TopicAuthorizationFailedError):
            return OutputRefused(
                "not_allowed",
                f"{what}: this worker may not write to it. Nothing is lost: the turn was not "
                f"committed, and is taken again",
            )
        return error

    def add(self, record: OutRecord) -> int | None:
        """Return the record's place in the batch, or None when it is full."""
        placed = self.builder.append(
            timestamp=record.timestamp_ms,
            key=record.key,
            value=record.value,
            headers=list(record.headers),  # no other sequence will do
        )
        return None if placed is None else self.builder.record_count() - 1


class KafkaProducer:
    """A producer; with a transactional id `start` fences everyone who has the same."""

    def __init__(self, bootstrap: BrokerAccess, transactional_id: str | None) -> None:
        self._client = bootstrap.producer(
            transactional_id=transactional_id,
            # With an id this is what transactions ask for anyway.
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST_RECORD,
            retry_backoff_ms=_RETRY_MS,
        )
        _ask_again_for_coordinators(self._client.client)
        self._partitions: dict[str, int] = {}
        self._keyless = count()

    async def start(self) -> None:
        """Connect, and fence."""
        await self._client.start()

    async def stop(self) -> None:
        """Let go; what is open stays open, and what was not sent until we are cut short is dropped.

        aiokafka would send it as soon as its broker is back, when another may have the partition.
        """
        try:
            await self._client.stop()
        except asyncio.CancelledError:
            await self._drop()
            raise

    async def _drop(self) -> None:
        sender, unsent = self._client._sender, self._client._message_accumulator  # noqa: SLF001
        client = self._client.client
        if sender is not None and sender.sender_task is not None:
            sender.sender_task.cancel()
        for batch in chain(*unsent._batches.values(), unsent._pending_batches):  # noqa: SLF001
            batch.future.cancel()
        for connection in client._conns.values():  # noqa: SLF001
            if connection._writer is not None:  # noqa: SLF001
                # Closed, it would first send what it holds, however long nobody reads that.
                connection._writer.transport.abort()  # noqa: SLF001
        await client.close()

    def makes_one_batch(self, records: Iterable[OutRecord]) -> bool:
        """Tell whether records of one partition surely go in one batch, which stands or not."""
        size = 0
        for record in records:
            size += len(record.key or b"") + len(record.value or b"") + _BESIDE_BYTES
            size += sum(len(name) + len(said) + _BESIDE_BYTES for name, said in record.headers)
        return 2 * size < _BATCH_BYTES

    async def begin_transaction(self) -> None:
        """Begin; nothing is sent outside a transaction."""
        await self._client.begin_transaction()

    async def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, int], group_id: str
    ) -> None:
        """Let the group have consumed up to `offsets` if the transaction is committed."""
        await self._client.send_offsets_to_transaction(offsets, group_id)

    async def commit_transaction(self) -> None:
        """Make it true."""
        await self._client.commit_transaction()

    async def send(self, records: Iterable[OutRecord]) -> list[int]:
        """Send records and wait until the broker has them; return their offsets."""
        topics: set[str] = set()
        missing: dict[str, int] = {}
        sending = asyncio.ensure_future(self._send(records, topics))
        try:
            while not (await asyncio.wait((sending,), timeout=_ASK_SECONDS))[0]:
                missing = await self._still_missing(topics, missing)
                _refuse_missing(missing)
            return sending.result()
        finally:
            sending.cancel()

    async def _send(self, records: Iterable[OutRecord], topics: set[str]) -> list[int]:
        """Send; note in `topics` where to."""
        filling: dict[TopicPartition, _Batch] = {}
        batches: list[_Batch] = []
        places: list[tuple[_Batch, int]] = []
        for record in records:
            topics.add(record.topic)
            tp = TopicPartition(record.topic, await self._partition(record))
            batch = filling.get(tp)
            place = None if batch is None else batch.add(record)
            if batch is None or place is None:
                _refuse_too_large(record)
                batch = filling[tp] = _Batch(tp, self._client.create_batch())
                batches.append(batch)
                place = batch.add(record) or 0  # the first always finds room
            places.append((batch, place))
        await self._send_batches(batches)
        return [batch.first + place for batch, place in places]

    async def _send_batches(self, batches: list[_Batch]) -> None:
        sent: list[asyncio.Future[Any]] = []
        try:
            for batch in batches:
                sent.append(  # noqa: PERF401  what was sent before a failure is looked at below
                    await self._client.send_batch(
                        batch.builder, batch.tp.topic, partition=batch.tp.partition
                    )
                )
        except BaseException:
            # The first failure is told; nobody asks for those of the batches before it.
            asyncio.gather(*sent, return_exceptions=True)
            raise
        try:
            await asyncio.gather(*sent)
        except KafkaError as error:
            [refused, *_] = (
                batch
                for batch, each in zip(batches, sent, strict=True)
                if each.done() and each.exception() is error
            )
            raise refused.refused(error) from error
        for batch, standing in zip(batches, sent, strict=True):
            batch.first = standing.result().offset

    async def _still_missing(
        self, topics: Iterable[str], before: Mapping[str, int]
    ) -> dict[str, int]:
        """Return how many times in a row Kafka did not know a topic when it was asked."""
        client = self._client.client
        for topic in list(topics):
            client.add_topic(topic)  # else it is not asked about
        if not await client.force_metadata_update():
            return dict(before)
        return {
            topic: before.get(topic, 0) + 1
            for topic in topics
            if not client.cluster.partitions_for_topic(topic)
        }

    async def _partition(self, record: OutRecord) -> int:
        if record.partition is not None:
            return record.partition
        partitions = self._partitions.get(record.topic)
        if partitions is None:
            known = await self._client.partitions_for(record.topic)
            partitions = self._partitions[record.topic] = len(known)
        if record.key is None:
            return next(self._keyless) % partitions
        return home_of(record.key, partitions)


def _ask_again_for_coordinators(client: Any) -> None:  # noqa: ANN401  aiokafka's, without types
    """Let a closed connection be no reason to give up the search for a coordinator.

    Kafka closes a connection whose session has ended when it is used next. Every other question is
    asked again by aiokafka; this one would fail the transaction, and so end the worker.
    """
    look_up = client.coordinator_lookup

    async def asking_again(kind: int, key: str) -> Any:  # noqa: ANN401  as above
        try:
            return await look_up(kind, key)
        except KafkaConnectionError as error:
            raise NodeNotReadyError(str(error)) from error  # which aiokafka takes as "later"

    client.coordinator_lookup = asking_again


def _refuse_missing(missing: Mapping[str, int]) -> None:
    """Refuse to wait for a topic that is missing again and again."""
    for topic, times in missing.items():
        if times >= _MISSING_TIMES:
            raise OutputRefused(
                "missing_topic",
                f"Kafka has no topic {topic}, which is to be written to; create what is "
                f"missing: journeystream topics. Nothing is lost: the turn was not committed, "
                f"and is taken again",
            )


def _refuse_too_large(record: OutRecord) -> None:
    size = len(record.value or b"")
    if size > _LARGEST_RECORD:
        raise OutputRefused(
            "too_large",
            f"a record of {size:,} bytes to {record.topic} is more than {_LARGEST_RECORD:,}, the "
            f"most that a worker writes: make the user's traits or the entry's properties smaller",
        )
