"""What one fetch brought for one partition.

Law: a batch says where its partition's consumer stood before and after it (`start`,
`next_offset`), also when what was passed over were only transaction markers; so "caught up" can be
told exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol


class Record(Protocol):
    """A record as it was read; in which partition it lay, its batch knows."""

    @property
    def offset(self) -> int:
        """Return its place in the partition."""

    @property
    def timestamp(self) -> int:
        """Return its time, in milliseconds since 1970."""

    @property
    def key(self) -> bytes | None:
        """Return its key."""

    @property
    def value(self) -> bytes | None:
        """Return its value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Return its headers, in order."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, in order.

    The consumer stood at `start` before them (0 if that is not known) and at `next_offset`
    after them; what lies between and is no record was passed over rightly.
    """

    topic: str
    partition: int
    records: Sequence[Record]
    start: int
    next_offset: int

    def is_followed_by(self, other: Batch) -> bool:
        """Tell whether another batch begins where this one ends."""
        return (other.topic, other.start) == (self.topic, self.next_offset)

    def with_(self, other: Batch) -> Batch:
        """Return this batch and the one that follows it as one."""
        return replace(self, records=[*self.records, *other.records], next_offset=other.next_offset)

    def after(self, applied: int) -> Batch:
        """Return what of this batch is not applied yet, `applied` being the next offset that is."""
        if not self.records or self.records[0].offset >= applied:
            return self
        records = [each for each in self.records if each.offset >= applied]
        return replace(self, records=records, start=max(self.start, applied))

    def halves(self) -> tuple[Batch, Batch]:
        """Return two batches that are this one together; it has more than one record."""
        middle = len(self.records) // 2
        between = self.records[middle].offset
        return (
            replace(self, records=self.records[:middle], next_offset=between),
            replace(self, records=self.records[middle:], start=between),
        )
