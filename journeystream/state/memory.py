"""The store in memory: for tests, for examples in virtual time, and as the plain reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from journeystream.journeys import Journeys
from journeystream.state.codec import (
    PartitionState,
    decode_partition,
    decode_user,
    encode_partition,
)
from journeystream.state.store import Change, Met, Size
from journeystream.user import User


class MemoryStore:
    """Keeps the same bytes as the other stores, so that it can not be kinder than they are."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._alarms: set[tuple[int, str]] = set()
        self._places: set[tuple[tuple[str, str], str]] = set()
        self._partition = encode_partition(PartitionState())
        self._met = Met()

    def met(self, journeys: Journeys) -> set[str]:
        """Return who is no stranger to these journeys, as far as known."""
        return self._met.of(journeys)

    def load(self, ids: Collection[str]) -> dict[str, User]:
        """Return the users that are known among `ids`."""
        return {id_: decode_user(id_, record) for id_, record in self.records(ids).items()}

    def records(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the records of those that are known among `ids`."""
        return {id_: record for id_ in ids if (record := self._records.get(id_)) is not None}

    def due(self, until: int, most: int | None = None) -> list[tuple[int, str]]:
        """Return alarms at or before `until`, in order."""
        return sorted(alarm for alarm in self._alarms if alarm[0] <= until)[:most]

    def next_wake(self) -> int | None:
        """Return the earliest alarm."""
        return min(self._alarms)[0] if self._alarms else None

    def members(self, journey: str, limit: int, after: str = "") -> list[str]:
        """Return users who are in the journey."""
        return list(self.standing(journey, limit, after))

    def standing(self, journey: str, limit: int, after: str = "") -> dict[str, list[str]]:
        """Return at which steps of the journey users stand, by user."""
        standing: dict[str, list[str]] = {}
        for (inside, step), id_ in self._places:
            if inside == journey and id_ > after:
                standing.setdefault(id_, []).append(step)
        return {id_: sorted(standing[id_]) for id_ in sorted(standing)[:limit]}

    def users(self, after: str = "") -> Iterable[str]:
        """Return everyone's id, in order, behind `after`."""
        return sorted(id_ for id_ in self._records if id_ > after)

    def partition(self) -> PartitionState:
        """Return where the partition stands."""
        return decode_partition(self._partition)

    def save(self, changes: Iterable[Change], partition: PartitionState) -> None:
        """Store everything; nothing here can fail half-way."""
        # All of them first: what yields the changes may fail half-way.
        for change in list(changes):
            if change.record is None:
                self._records.pop(change.user_id, None)
            else:
                self._records[change.user_id] = change.record
            if change.before.wake is not None:
                self._alarms.discard((change.before.wake, change.user_id))
            if change.after.wake is not None:
                self._alarms.add((change.after.wake, change.user_id))
            self._places -= {(place, change.user_id) for place in change.before.places}
            self._places |= {(place, change.user_id) for place in change.after.places}
        self._partition = encode_partition(partition)

    def size(self) -> Size:
        """Return how much it holds."""
        return Size(len(self._records), len(self._alarms), sum(map(len, self._records.values())))

    def close(self) -> None:
        """Nothing to let go of."""
