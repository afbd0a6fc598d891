"""A partition's log on the simulated broker: records and transaction markers, each an offset.

Laws: what is read is committed, up to the last stable offset, which is where the first open
transaction begins. Markers and aborted records are passed over and leave gaps. Compaction
removes committed records that a later committed one with the same key supersedes, retention
removes from the front; offsets never change. `archive` keeps all that was ever appended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

_offset = attrgetter("offset")


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction of one producer; `notes` are whatever the producer said at its begin."""

    name: str
    notes: object = None
    state: Literal["open", "committed", "aborted"] = "open"
    logs: dict[TopicPartition, Log] = field(default_factory=dict)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    records: list[ConsumerRecord] = field(default_factory=list)
    marked: dict[TopicPartition, float] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0


@dataclass(slots=True, eq=False)
class Entry:
    """A record, or a marker (which has none)."""

    offset: int
    record: ConsumerRecord | None
    transaction: Transaction | None
    at: float

    @property
    def committed(self) -> bool:
        """Whether it is a record that readers see, or will."""
        return self.record is not None and (
            self.transaction is None or self.transaction.state == "committed"
        )


class Log:
    """One partition."""

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp
        self.begin = 0
        self.end = 0
        self.archive: list[Entry] = []
        self.waiting: list[Callable[[], object]] = []
        self._entries: list[Entry] = []
        self._open: dict[Transaction, int] = {}

    @property
    def stable(self) -> int:
        """The last stable offset: up to where committed readers can read."""
        return min(self._open.values(), default=self.end)

    def append(
        self,
        record: tuple[bytes | None, bytes | None, int, tuple[tuple[str, bytes], ...]],
        now: float,
        transaction: Transaction | None = None,
    ) -> ConsumerRecord:
        """Append (key, value, timestamp in ms, headers)."""
        key, value, timestamp, headers = record
        sizes = len(key or b""), len(value or b"")
        made = ConsumerRecord(*self.tp, self.end, timestamp, 0, key, value, None, *sizes, headers)
        if transaction is not None:
            self._open.setdefault(transaction, self.end)
            transaction.logs[self.tp] = self
            transaction.records.append(made)
        self._add(Entry(self.end, made, transaction, now))
        if transaction is None:
            self._wake()
        return made

    def mark(self, transaction: Transaction, now: float) -> None:
        """Write the marker that ends a transaction here."""
        self._open.pop(transaction, None)
        transaction.marked[self.tp] = now
        self._add(Entry(self.end, None, transaction, now))
        self._wake()

    def read(self, position: int, most: int) -> tuple[list[ConsumerRecord], int]:
        """Return at most so many records from a position on, and the position after them."""
        stable = self.stable
        records = []
        for entry in self._entries[bisect_left(self._entries, position, key=_offset) :]:
            if entry.offset >= stable:
                break
            if entry.committed and entry.record is not None:
                records.append(entry.record)
                if len(records) == most:
                    return records, entry.offset + 1
        return records, max(position, stable)

    def compact(self) -> None:
        """Remove what is superseded below the last stable offset; the last entry stays."""
        stable, later = self.stable, set()
        kept = self._entries[-1:]
        for entry in reversed(self._entries[:-1]):
            key = None if entry.record is None else entry.record.key
            if entry.offset < stable and (not entry.committed or key in later):
                continue
            kept.append(entry)
            if entry.committed and entry.offset < stable:
                later.add(key)
        self._entries = kept[::-1]

    def delete_before(self, offset: int) -> None:
        """Remove the front, as retention does."""
        self.begin = max(self.begin, offset)
        self._entries = [entry for entry in self._entries if entry.offset >= self.begin]

    def committed(self, begin: int, end: int) -> list[ConsumerRecord]:
        """Return all committed records between two offsets that there ever were."""
        return [
            entry.record
            for entry in self.archive[begin:end]
            if entry.committed and entry.record is not None
        ]

    def readable(self) -> Iterator[tuple[float, ConsumerRecord]]:
        """Yield all committed records there ever were, and since when they could be read."""
        since = 0.0
        for entry in self.archive:
            ended = entry.at if entry.transaction is None else entry.transaction.marked[self.tp]
            since = max(since, ended)  # what is open holds up what comes after it
            if entry.committed and entry.record is not None:
                yield since, entry.record

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.archive.append(entry)
        self.end += 1

    def _wake(self) -> None:
        waiting, self.waiting = self.waiting, []
        for wake in waiting:
            wake()
