"""A partition's changelog: what stands in it, and what of it counts.

A record per user, keyed `u` and the user's id, and one of the partition's own, keyed `p`; the
last of each is the state. One without a value, a tombstone, says that a user was erased.

Laws:

* A record of a transaction has no stamp, and counts: it is only read when it is committed, and
  transactions have one writer.
* A user's record that was written at least once carries its *stamp*: up to where in the sources,
  and to which clock, it is applied. What a user is at a stamp is a function of the log, whoever
  wrote it. So the newest stamp wins, in whatever order records come, and a record may be *ahead*
  of the partition's own record, where a worker died between the two: the events that it has
  already are passed over for this user when they are read again.
* A record behind the partition's is *stale*: a worker wrote it that had lost the partition. It is
  passed over, and its user is to be written anew, because compaction keeps the last record only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import orjson
from aiokafka.structs import ConsumerRecord

from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, decode_partition, encode_partition
from journeystream.state.store import Change

USER_KEY, PARTITION_KEY = b"u", b"p"
STAMP_HEADER = "stamp"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where a partition's commits go: its number, changelog topic, and consumer group."""

    partition: int
    changelog: str
    group: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far a record is applied: the next offset per source topic, and the clock."""

    positions: Mapping[str, int]
    clock: int

    @classmethod
    def of(cls, partition: PartitionState) -> Self:
        """Return the stamp of what the partition's turns have made by now."""
        return cls(dict(partition.positions), partition.clock)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Return a stamp from a header."""
        positions, clock = orjson.loads(data)
        return cls(positions, clock)

    def header(self) -> tuple[str, bytes]:
        """Return it as a record's header."""
        return STAMP_HEADER, orjson.dumps([self.positions, self.clock])

    @property
    def age(self) -> tuple[int, int]:
        """What grows from turn to turn."""
        return sum(self.positions.values()), self.clock

    def covers(self, other: Stamp) -> bool:
        """Tell whether everything in `other` is in this too."""
        return all(
            self.positions.get(topic, 0) >= offset for topic, offset in other.positions.items()
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What recovery found: how many records, and where the changelog ended.

    `ahead` users have events already that the partition has not, as their stamps say; `stale`
    ones have a last record that does not count; `base` is where recovery begins again while
    there are such.
    """

    records: int
    end: int
    base: int
    ahead: Mapping[str, Stamp]
    stale: frozenset[str]


def log_of(
    ledger: Ledger,
    changes: Iterable[Change],
    partition: PartitionState,
    stamp_of: Callable[[str], Stamp] | None = None,
) -> list[OutRecord]:
    """Return the records of a turn, stamped if need be; the partition's own comes last."""
    topic, number = ledger.changelog, ledger.partition
    records = [
        OutRecord(
            topic,
            USER_KEY + change.user_id.encode(),
            change.record,
            number,
            headers=() if stamp_of is None else (stamp_of(change.user_id).header(),),
        )
        for change in changes
    ]
    return [*records, OutRecord(topic, PARTITION_KEY, encode_partition(partition), number)]


class ChangelogMerge:
    """Tells what counts, fetch by fetch, from where a store stands."""

    def __init__(self, stored: PartitionState) -> None:
        self._ahead: dict[str, Stamp] = {}
        self._stale: set[str] = set()
        self.stamp = Stamp.of(stored)
        self._base = stored.changelog

    def counting(self, records: Iterable[ConsumerRecord]) -> dict[bytes, bytes | None]:
        """Return the newest value per key among those that count; None is a tombstone's."""
        latest: dict[bytes, bytes | None] = {}
        for record in records:
            if record.key == PARTITION_KEY:
                counts = self._partition_counts(record)
            else:
                counts = self._user_counts(record)
            if counts:
                latest[record.key] = record.value
        return latest

    def applied_up_to(self, position: int) -> int:
        """Return where to read again from, when all before `position` has been given out.

        What is known here of single users is not stored, and must be found again.
        """
        return self._base if self._ahead or self._stale else position

    def found(self, records: int, end: int) -> Restored:
        """Return what there was."""
        base = self.applied_up_to(end)
        return Restored(records, end, base, dict(self._ahead), frozenset(self._stale))

    def _partition_counts(self, record: ConsumerRecord) -> bool:
        stamp = Stamp.of(decode_partition(record.value))
        if stamp.age < self.stamp.age:
            return False
        self.stamp = stamp
        self._ahead = {id_: each for id_, each in self._ahead.items() if not stamp.covers(each)}
        if not self._ahead and not self._stale:
            self._base = record.offset + 1
        return True

    def _user_counts(self, record: ConsumerRecord) -> bool:
        data = dict(record.headers).get(STAMP_HEADER)
        if data is None:
            return True
        user_id = record.key[len(USER_KEY) :].decode()
        stamp, known = Stamp.read(data), self._ahead.get(user_id, self.stamp)
        if stamp.age < known.age:
            self._stale.add(user_id)
            return False
        self._stale.discard(user_id)
        if not self.stamp.covers(stamp):
            self._ahead[user_id] = stamp
        return True
