"""The commit of a turn: the order that makes it exactly once.

One transactional producer per source partition, its transactional id made of the
application's and the partition's, so that whoever takes the partition over fences whoever
had it before.

1. Begin a transaction.
2. Produce outputs, re-keyed records and dead letters.
3. Produce one changelog record per changed user, and one for the partition's position.
4. Send the source offsets into the transaction.
5. Commit it.
6. Only then save to the store, in one batch, with the changelog offset that it stands for.

The store is never ahead of the log. A crash before 5 leaves an open transaction, which the
next owner aborts: nothing happened. A crash after 5 leaves a store that is behind, which
recovery completes from the changelog: everything happened. Any failure is raised and ends
the partition's processor before anything is committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError

from journeystream.agents.cluster import Acknowledged, Cluster, Sent
from journeystream.errors import BrokerUnreachable
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, encode_partition
from journeystream.state.store import Change, Store

USER_KEY, PARTITION_KEY = b"u", b"p"
_CLOSE_SECONDS = 5.0  # a broker that is gone must not keep a worker from ending


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where a partition's commits go: its number, changelog topic, and consumer group."""

    partition: int
    changelog: str
    group: str


class Committer:
    """Commits the turns of one partition."""

    def __init__(self, ledger: Ledger, cluster: Cluster, store: Store) -> None:
        self._ledger = ledger
        self._store = store
        self._producer = cluster.producer(f"{ledger.group}-{ledger.partition}")

    async def start(self) -> None:
        """Fence whoever had the partition before, and end what they left open."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the producer; an open transaction is left to the next owner."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._producer.stop(), _CLOSE_SECONDS)

    async def commit(
        self,
        outputs: Iterable[OutRecord],
        changes: Sequence[Change],
        partition: PartitionState,
        offsets: Mapping[str, int],
    ) -> None:
        """Make a turn true, once; `offsets` are the next ones to read, by source topic."""
        try:
            await self._producer.begin_transaction()  # 1
            sent = [await self._send(record) for record in outputs]  # 2
            logged = await self._log(changes, partition)  # 3
            await _all_acknowledged(sent)
            offset = await _all_acknowledged(logged)
            if offsets:
                await self._producer.send_offsets_to_transaction(  # 4
                    {
                        TopicPartition(topic, self._ledger.partition): offset_
                        for topic, offset_ in offsets.items()
                    },
                    self._ledger.group,
                )
            await self._producer.commit_transaction()  # 5
        # Fenced while it sends, aiokafka says at the next send that there is no transaction.
        except (KafkaError, IllegalOperation) as error:
            raise BrokerUnreachable(
                f"partition {self._ledger.partition}: the transaction failed ({error!r}); "
                f"nothing of it counts. If another worker has the partition now, that is all; "
                f"if not, look after Kafka"
            ) from error
        partition.changelog = offset + 1
        self._store.save(changes, partition)  # 6

    async def _log(self, changes: Sequence[Change], partition: PartitionState) -> list[Sent]:
        topic, number = self._ledger.changelog, self._ledger.partition
        records = [
            OutRecord(topic, USER_KEY + change.user_id.encode(), change.record, number)
            for change in changes
        ]
        records.append(OutRecord(topic, PARTITION_KEY, encode_partition(partition), number))
        return [await self._send(record) for record in records]

    async def _send(self, record: OutRecord) -> Sent:
        return await self._producer.send(
            record.topic,
            value=record.value,
            key=record.key,
            partition=record.partition,
            timestamp_ms=record.timestamp_ms,
            headers=list(record.headers),
        )


async def _all_acknowledged(sent: list[Sent]) -> int:
    """Wait until the broker has everything; return the highest offset, or -1."""
    highest = -1
    places: list[Acknowledged] = await asyncio.gather(*sent)
    for place in places:
        highest = max(highest, place.offset)
    return highest
