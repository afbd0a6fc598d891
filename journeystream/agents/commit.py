"""The commit of a turn: the order that makes it exactly once.

One transactional producer per source partition, its transactional id made of the
application's and the partition's, so that whoever takes the partition over fences whoever
had it before.

1. Begin a transaction.
2. Produce outputs, re-keyed records and dead letters.
3. Produce one changelog record per changed user, and one for the partition's position.
4. Send the source offsets into the transaction, beside 2 and 3.
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
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Protocol, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError

from journeystream.agents.batch import Batch
from journeystream.agents.changelog import Ledger, Restored, log_of
from journeystream.agents.cluster import Cluster, Producer
from journeystream.agents.failed_commits import counted
from journeystream.broker_refusals import NOT_ALLOWED
from journeystream.errors import BrokerUnreachable, StateError
from journeystream.events import Entry
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.store import Change, Store

T = TypeVar("T")
U = TypeVar("U")
_CLOSE_SECONDS = 1.0  # a broker that is gone must not keep a worker from ending


class Commits(Protocol):
    """What a partition asks of its committer, whichever guarantee it keeps."""

    async def start(self) -> None:
        """Take the partition over as far as the broker knows."""

    async def resume(self, restored: Restored) -> None:
        """Go on from a restored store."""

    def not_applied(self, batch: Batch, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return a batch without the events that their user's record has already."""

    async def commit(
        self,
        outputs: Iterable[OutRecord],
        changes: Sequence[Change],
        partition: PartitionState,
        offsets: Mapping[str, int],
    ) -> None:
        """Make a turn true; `offsets` are the next ones to read, by source topic."""

    async def stop(self) -> None:
        """Let go of the producer."""


class Committer:
    """Commits the turns of one partition, exactly once."""

    def __init__(self, ledger: Ledger, cluster: Cluster, store: Store) -> None:
        self._ledger = ledger
        self._store = store
        self._producer = cluster.producer(f"{ledger.group}-{ledger.partition}")

    async def start(self) -> None:
        """Fence whoever had the partition before, and end what they left open."""
        await self._producer.start()

    async def resume(self, restored: Restored) -> None:
        """Go on: `start` has fenced whoever could still write."""
        if restored.ahead or restored.stale:
            raise StateError(
                f"partition {self._ledger.partition}: a worker with kafka.guarantee: at_least_once "
                f"ended in the middle of a turn; start once with at_least_once, let it apply what "
                f"is in the topics, stop it with SIGTERM, then come back to exactly_once"
            )

    def not_applied(self, batch: Batch, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return all: a transaction writes a turn's users and its partition together."""
        del batch
        return entries

    async def stop(self) -> None:
        """Close the producer; an open transaction is left to the next owner."""
        await close(self._producer)

    async def commit(
        self,
        outputs: Iterable[OutRecord],
        changes: Sequence[Change],
        partition: PartitionState,
        offsets: Mapping[str, int],
    ) -> None:
        """Make a turn true, once; `offsets` are the next ones to read, by source topic."""
        try:
            with counted(self._ledger.partition):
                await self._producer.begin_transaction()  # 1
                logged = log_of(self._ledger, changes, partition)
                # Side by side: what counts is that both are there before 5.
                sent, _ = await both(
                    self._producer.send(chain(outputs, logged)),  # 2, 3
                    self._send_offsets(offsets),  # 4
                )
                await self._producer.commit_transaction()  # 5
        except NOT_ALLOWED:
            raise  # It names what is not allowed, and no other worker has to do with it.
        # Fenced while it sends, aiokafka says at the next send that there is no transaction.
        except (KafkaError, IllegalOperation) as error:
            raise BrokerUnreachable(
                f"partition {self._ledger.partition}: the transaction failed ({error!r}); "
                f"nothing of it counts. If another worker has the partition now, that is all; "
                f"if not, look after Kafka"
            ) from error
        partition.changelog = sent[-1] + 1
        self._store.save(changes, partition)  # 6

    async def _send_offsets(self, offsets: Mapping[str, int]) -> None:
        if offsets:
            number = self._ledger.partition
            await self._producer.send_offsets_to_transaction(
                {TopicPartition(topic, number): offset for topic, offset in offsets.items()},
                self._ledger.group,
            )


async def both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Await two at once; the first error of either is raised, and the other is not waited for."""
    one, two = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        await asyncio.gather(one, two)
        return one.result(), two.result()
    finally:
        for each in (one, two):
            each.cancel()
        await asyncio.gather(one, two, return_exceptions=True)


async def close(producer: Producer) -> None:
    """Close a producer, though its broker may be gone."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)
