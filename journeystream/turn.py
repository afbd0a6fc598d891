"""One turn of a partition: a batch of its log, and the passing of time, in one order.

Law: the order is a function of the log alone. Before each event, everyone's timers that are
due at or before the partition's clock fire, in due order; then the event is applied. So any
way of cutting a log into batches gives the same effects, and a timer never overtakes an event
that stands before it in the log.

The clock moves to the events' times where the batch moves it, to clock marks, and to `until`,
which the shell sets to the wall clock only when the partition has caught up. Where events
come from several places they do not move it, because others may lag behind: then `until`
does, to what all have reached (agents/frontier.py), and when that is depends on the fetches.

A happening that fails (a bug: conditions are total) changes nothing: its user is brought back
to where they were by applying their earlier happenings of the turn again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Protocol

from journeystream.effects import Effect
from journeystream.engine import Rules, advance
from journeystream.events import ClockMark, Due, Event, Happening
from journeystream.user import Derived, Instance, Passes, User


class Users(Protocol):
    """The users of one partition, as they were before the turn."""

    def load(self, ids: Collection[str]) -> dict[str, User]:
        """Return fresh copies of those that are known."""

    def due(self, until: int) -> list[tuple[int, str]]:
        """Return (wake, user id) of everyone to be woken at or before `until`, in order."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A happening that the engine could not apply; `index` is its place in the batch."""

    happening: Happening
    error: Exception
    index: int | None


@dataclass(slots=True)
class Turn:
    """The outcome of a turn: who changed, the effects in order, and the new clock.

    `before` is what followed from the changed users' records as they were stored.
    """

    clock: int
    changed: dict[str, User] = field(default_factory=dict)
    before: dict[str, Derived] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def take_turn(
    batch: Sequence[Event | ClockMark | None],
    clock: int,
    users: Users,
    rules: Rules,
    *,
    moves_clock: bool = True,
    until: int | None = None,
) -> Turn:
    """Apply a batch (None marks a record that is no event) and let time pass to `until`."""
    moving = [
        entry.at
        for entry in batch
        if entry is not None and (moves_clock or isinstance(entry, ClockMark))
    ]
    horizon = max((clock, *moving, *(() if until is None else (until,))))
    taker = _Taker(clock, users, rules, horizon)
    matters = rules.journeys.matters
    taker.preload({e.user_id for e in batch if isinstance(e, Event) and matters(e.kind, e.name)})
    for index, entry in enumerate(batch):
        if isinstance(entry, ClockMark):
            taker.move_clock(entry.at)
        elif entry is not None:
            taker.move_clock(entry.at if moves_clock else clock)
            if matters(entry.kind, entry.name):
                taker.apply(entry, index)
    if until is not None:
        taker.move_clock(until)
    taker.move_clock(taker.turn.clock)
    return taker.turn


class _Taker:
    """A turn being taken; `horizon` is the latest instant that its clock will reach."""

    def __init__(self, clock: int, users: Users, rules: Rules, horizon: int) -> None:
        self.turn = Turn(clock)
        self.users = users
        self.rules = rules
        self.horizon = horizon
        self.wakes = users.due(horizon)
        heapify(self.wakes)
        self.loaded: dict[str, User | None] = {}
        self.applied: dict[str, list[Happening]] = {}

    def preload(self, ids: set[str]) -> None:
        """Fetch at once everyone that the turn will certainly ask for."""
        ids.update(user_id for _, user_id in self.wakes)
        self._fetch(ids)

    def move_clock(self, to: int) -> None:
        """Move the clock on, never back, and fire what is due by then."""
        self.turn.clock = max(self.turn.clock, to)
        while self.wakes and self.wakes[0][0] <= self.turn.clock:
            at, user_id = heappop(self.wakes)
            user = self._user(user_id)
            if user is not None and user.wake == at:
                self.apply(Due(user_id, at), None)

    def apply(self, happening: Happening, index: int | None) -> None:
        """Advance one user; a new wake within the horizon joins the queue."""
        user_id = happening.user_id
        try:
            outcome = advance(self._user(user_id), happening, self.rules)
        except Exception as error:  # noqa: BLE001  a bug in one journey must not stop the others
            self.turn.failures.append(Failure(happening, error, index))
            self._restore(user_id, happening)
            return
        if not outcome.changed:
            return
        self.applied.setdefault(user_id, []).append(happening)
        self.turn.effects += outcome.effects
        self._keep(outcome.user)

    def _user(self, user_id: str) -> User | None:
        if user_id not in self.loaded:
            self._fetch((user_id,))
        return self.loaded[user_id]

    def _fetch(self, ids: Collection[str]) -> None:
        self.loaded.update(dict.fromkeys(ids))
        for user_id, user in self.users.load(ids).items():
            self.loaded[user_id] = user
            self.turn.before[user_id] = user.derived()

    def _keep(self, user: User) -> None:
        self.loaded[user.id] = self.turn.changed[user.id] = user
        wake = user.wake
        if wake is not None and wake <= self.horizon:
            heappush(self.wakes, (wake, user.id))

    def _restore(self, user_id: str, failed: Happening) -> None:
        user = self.users.load([user_id]).get(user_id)
        for happening in self.applied.get(user_id, ()):
            user = advance(user, happening, self.rules).user
        self.loaded[user_id] = user
        if user is None:
            return
        if isinstance(failed, Due):
            _forget_wakes(user, failed.at)
        self._keep(user)


def _forget_wakes(user: User, until: int) -> None:
    """Park what failed when it was due, or it would fail again for ever."""
    waiting: list[Instance | Passes] = [*user.instances, *user.passes.values()]
    for each in waiting:
        if each.wake is not None and each.wake <= until:
            each.wake = None
