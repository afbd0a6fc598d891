"""The commit of a turn on a broker without transactions: nothing is lost, outputs may repeat.

1. Produce outputs, re-keyed records and dead letters; wait until the broker has them.
2. Produce one stamped changelog record per changed user; wait.
3. Produce the partition's own record; wait. Where all records of 2 and 3 are few, they are one
   batch, which the broker takes whole or not at all: then one wait is enough.
4. Save to the store, in one batch, with the changelog offset that it stands for.
5. Tell the group the source offsets, for those who watch lag; nobody waits for it.

A crash before 3 lets the next owner take the turn again: outputs come again, with the same
message ids, and users whose record came through in 2 pass over what they have (changelog.py).

Nobody is fenced here. A worker that finds foreign records between its own ends: another has the
partition too. Whichever goes on, or whoever comes next, writes stale users anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from journeystream.agents.batch import Batch
from journeystream.agents.changelog import Ledger, Restored, Stamp, log_of
from journeystream.agents.cluster import Cluster
from journeystream.agents.commit import close
from journeystream.agents.failed_commits import counted
from journeystream.agents.telling import Teller
from journeystream.errors import BrokerUnreachable, StateError
from journeystream.events import ClockMark, Entry
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.store import Change, Store, change_of, removal_of
from journeystream.user import NOBODY


class RepeatingCommitter:
    """Commits the turns of one partition, at least once."""

    def __init__(self, ledger: Ledger, cluster: Cluster, store: Store, teller: Teller) -> None:
        self._ledger = ledger
        self._store = store
        self._teller = teller
        self._producer = cluster.producer(None)
        self._end = 0
        self._base = 0
        self._ahead: dict[str, Stamp] = {}

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def resume(self, restored: Restored) -> None:
        """Go on where the changelog ended, and write anew whose last record does not count."""
        self._end, self._base = restored.end, restored.base
        self._ahead = dict(restored.ahead)
        if restored.stale:
            known = self._store.load(restored.stale)
            changes = [
                change_of(known[id_], known[id_].derived())
                if id_ in known
                else removal_of(id_, NOBODY)
                for id_ in sorted(restored.stale)
            ]
            await self.commit([], changes, self._store.partition(), {})

    def not_applied(self, batch: Batch, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Let events that their user has already only move the clock."""
        if not self._ahead:
            return entries
        return [
            ClockMark(entry.at)
            if entry is not None
            and not isinstance(entry, ClockMark)
            and self._has_applied(entry.user_id, batch.topic, record.offset)
            else entry
            for record, entry in zip(batch.records, entries, strict=True)
        ]

    def _has_applied(self, user_id: str, topic: str, offset: int) -> bool:
        stamp = self._ahead.get(user_id)
        return stamp is not None and offset < stamp.positions.get(topic, 0)

    async def stop(self) -> None:
        """Tell the last offsets, and close the producer."""
        try:
            await self._teller.settle()
        finally:
            await close(self._producer)

    async def commit(
        self,
        outputs: Iterable[OutRecord],
        changes: Sequence[Change],
        partition: PartitionState,
        offsets: Mapping[str, int],
    ) -> None:
        """Make a turn true, at least once."""
        stamp = Stamp.of(partition)
        # Who is ahead and written anew is as far as they were.
        *users, own = log_of(
            self._ledger, changes, partition, lambda id_: self._ahead.get(id_, stamp)
        )
        try:
            with counted(self._ledger.partition):
                await self._producer.send(outputs)  # 1
                if self._producer.makes_one_batch([*users, own]):
                    logged = await self._producer.send([*users, own])  # 2, 3
                else:
                    logged = await self._producer.send(users)  # 2
                    logged += await self._producer.send([own])  # 3
        except KafkaError as error:
            raise BrokerUnreachable(
                f"partition {self._ledger.partition}: a turn could not be written ({error!r}); it "
                f"is taken again. Look after Kafka"
            ) from error
        self._expect_nobody_else(logged)
        self._ahead = {id_: each for id_, each in self._ahead.items() if not stamp.covers(each)}
        # Who is ahead is found again from the base, and must be while it matters.
        partition.changelog = self._base if self._ahead else self._end
        self._store.save(changes, partition)  # 4
        if offsets:
            self._teller.tell(  # 5
                {
                    TopicPartition(topic, self._ledger.partition): offset
                    for topic, offset in offsets.items()
                }
            )

    def _expect_nobody_else(self, logged: list[int]) -> None:
        """Refuse to go on when another's records stand among ours."""
        if logged != list(range(self._end, self._end + len(logged))):
            raise StateError(
                f"partition {self._ledger.partition}: someone else writes to "
                f"{self._ledger.changelog} (our turn stands at {logged[0]} to {logged[-1]}, it was "
                f"to begin at {self._end}): another worker has the partition too. This one ends; "
                f"whoever has the partition next goes on from what counts"
            )
        self._end += len(logged)
