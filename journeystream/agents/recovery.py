"""Bringing a partition's store to where the changelog is.

Laws:

1. Recovery reads committed records only, from the changelog offset that the store carries to
   the end as it is once the previous owner is fenced. It applies records in bulk, the last of
   a user winning, and may be killed anywhere: what it saved says how far it came.
2. A changelog that has lost what the store lacks is refused: a state with holes would send
   and count wrongly, in silence.
3. A standby does the same without an end, so that it has little left to read when it takes
   the partition over.
4. What was written without a transaction counts by its stamp (changelog.py).
5. Who was erased is forgotten here too, however long a store has been away: tombstones stay in the
   changelog (topics.py).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiokafka import TopicPartition

from journeystream import metrics
from journeystream.agents.changelog import (
    PARTITION_KEY,
    USER_KEY,
    ChangelogMerge,
    Ledger,
    Restored,
)
from journeystream.agents.cluster import Cluster, Consumer
from journeystream.errors import StateError
from journeystream.state.codec import decode_partition, decode_user
from journeystream.state.store import Change, Store
from journeystream.user import NOBODY

_log = logging.getLogger(__name__)
_AT_ONCE = 10_000  # records per save: bounds memory, and what a kill in between costs
_WAIT_MS = 200
_TELL_EVERY = 100_000  # records between two lines of progress


async def restore(store: Store, ledger: Ledger, cluster: Cluster) -> Restored:
    """Apply what the store lacks of its changelog; return what was found."""
    replica = Replica(store, ledger, cluster)
    try:
        await replica.start()
        return await replica.catch_up()
    finally:
        await replica.stop()


class Replica:
    """A store on its way to where its changelog ends."""

    def __init__(self, store: Store, ledger: Ledger, cluster: Cluster) -> None:
        self._store = store
        self._ledger = ledger
        self._tp = TopicPartition(ledger.changelog, ledger.partition)
        self._consumer: Consumer = cluster.consumer()
        self._merge = ChangelogMerge(store.partition())

    async def start(self) -> None:
        """Stand where the store is, or refuse a changelog that does not fit it."""
        await self._consumer.start()
        self._consumer.assign([self._tp])
        first = (await self._consumer.beginning_offsets([self._tp]))[self._tp]
        end = await self._end()
        stored = self._store.partition().changelog
        where = f"partition {self._ledger.partition}: the state directory is at changelog offset"
        if stored > end:
            raise StateError(
                f"{where} {stored}, but {self._ledger.changelog} ends at {end}; it was "
                f"recreated: remove the state directory"
            )
        if stored < first:
            raise StateError(
                f"{where} {stored}, but {self._ledger.changelog} begins at {first}: what lies "
                f"between was deleted, and users with it. Set the topic's cleanup.policy to "
                f"compact; bring back a state directory of {first} or later (of another worker, "
                f"or a backup), or give the project another `app` to begin anew"
            )
        self._consumer.seek(self._tp, stored)

    async def stop(self) -> None:
        """Let go of the consumer; the store stays open."""
        await self._consumer.stop()

    async def catch_up(self) -> Restored:
        """Read to the end as it is now; return what was found."""
        end = await self._end()
        begin = position = await self._consumer.position(self._tp)
        restored = told = 0
        while position < end:
            self._tell_left(end - position)
            read = await self._read()
            restored += read
            metrics.RESTORED.labels(self._ledger.partition).inc(read)
            position = await self._consumer.position(self._tp)
            if restored >= told + _TELL_EVERY and position < end:
                told = restored
                share = (position - begin) / (end - begin)
                _log.info(
                    "partition %s: restored %s changelog records, %.0f %%",
                    self._ledger.partition,
                    restored,
                    100 * share,
                )
        self._tell_left(0)
        if restored:
            _log.info(
                "partition %s: restored %s changelog records", self._ledger.partition, restored
            )
        return self._merge.found(restored, position)

    async def follow(self) -> None:
        """Go on reading for ever, as a standby."""
        while True:
            await self._read()
            self._tell_left(await self._end() - await self._consumer.position(self._tp))

    async def _read(self) -> int:
        """Apply what the next fetch brings."""
        before = await self._consumer.position(self._tp)
        fetched = await self._consumer.getmany(self._tp, timeout_ms=_WAIT_MS, max_records=_AT_ONCE)
        records = fetched.get(self._tp, [])
        position = await self._consumer.position(self._tp)
        if position != before:
            latest = self._merge.counting(records)
            _apply(self._store, latest, self._merge.applied_up_to(position))
        return len(records)

    async def _end(self) -> int:
        return (await self._consumer.end_offsets([self._tp]))[self._tp]

    def _tell_left(self, left: int) -> None:
        metrics.RESTORE_LEFT.labels(self._ledger.partition).set(left)


def _apply(store: Store, latest: Mapping[bytes, bytes | None], position: int) -> None:
    records = {
        key[len(USER_KEY) :].decode(): record
        for key, record in latest.items()
        if key.startswith(USER_KEY)
    }
    known = store.records(records.keys())
    changes = [
        Change(
            user_id,
            record,
            decode_user(user_id, known[user_id]).derived() if user_id in known else NOBODY,
            NOBODY if record is None else decode_user(user_id, record).derived(),
        )
        for user_id, record in records.items()
    ]
    data = latest.get(PARTITION_KEY)
    partition = store.partition() if data is None else decode_partition(data)
    partition.changelog = position
    store.save(changes, partition)
