"""The contract of a partition's store, kept by memory and by RocksDB alike.

Laws: `save` is atomic: all of it is there after a crash, or nothing. Alarms come out in due
order. What `load` returns is a fresh copy: changing it changes nothing that is stored. Of a user
who was removed nothing is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from journeystream.journeys import Journeys
from journeystream.state.codec import PartitionState, encode_user
from journeystream.turn import Turn
from journeystream.user import NOBODY, Derived, User

_MET_AT_MOST = 200_000  # some 20 MB; then they are met again


@dataclass(slots=True)
class Change:
    """A user's new record, with what was derived from the old one and from the new one.

    Without a record the user is removed.
    """

    user_id: str
    record: bytes | None
    before: Derived
    after: Derived


@dataclass(frozen=True, slots=True)
class Size:
    """How much a store holds: rows of users and of alarms, as far as that can be told at once."""

    users: int
    alarms: int
    bytes: int


class Store(Protocol):
    """The users of one partition."""

    def met(self, journeys: Journeys) -> set[str]:
        """Return who is known to be no stranger to any of these journeys.

        A turn brings it up to date once it is saved (`Turn.tell_met`).
        """

    def load(self, ids: Collection[str]) -> dict[str, User]:
        """Return the users that are known among `ids`."""

    def records(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the records of those that are known among `ids`."""

    def due(self, until: int, most: int | None = None) -> list[tuple[int, str]]:
        """Return (wake, user id), in order, of alarms at or before `until`: the first `most`."""

    def next_wake(self) -> int | None:
        """Return the earliest alarm of all."""

    def members(self, journey: str, limit: int, after: str = "") -> list[str]:
        """Return at most `limit` users who are in the journey, in order of id, behind `after`."""

    def standing(self, journey: str, limit: int, after: str = "") -> dict[str, list[str]]:
        """Return the steps of a journey that users stand at: of at most `limit` behind `after`."""

    def users(self, after: str = "") -> Iterable[str]:
        """Return everyone's id, in order, behind `after`."""

    def partition(self) -> PartitionState:
        """Return where the partition stands."""

    def save(self, changes: Iterable[Change], partition: PartitionState) -> None:
        """Store the changes and the partition's position, all or nothing."""

    def size(self) -> Size:
        """Return how much it holds, without looking at each row."""

    def close(self) -> None:
        """Let go of files; the store is not used after."""


class Met:
    """Who is no stranger to the journeys, as long as these are the journeys: a bounded cache."""

    def __init__(self) -> None:
        self._journeys: Journeys | None = None
        self._users: set[str] = set()

    def of(self, journeys: Journeys) -> set[str]:
        """Return those whom all of these journeys have looked at; more may be added."""
        if journeys is not self._journeys or len(self._users) > _MET_AT_MOST:
            self._journeys, self._users = journeys, set()
        return self._users


def change_of(user: User, before: Derived) -> Change:
    """Return the change that makes `user` the stored record."""
    return Change(user.id, encode_user(user), before, user.derived())


def removal_of(user_id: str, before: Derived) -> Change:
    """Return the change after which nothing is stored of a user."""
    return Change(user_id, None, before, NOBODY)


def changes_of(turn: Turn) -> list[Change]:
    """Return what a turn has made of its users."""
    before = turn.before
    return [
        *(change_of(user, before.get(id_, NOBODY)) for id_, user in turn.changed.items()),
        *(
            removal_of(id_, before.get(id_, NOBODY))
            for id_ in sorted(turn.erased - turn.changed.keys())
        ),
    ]
