"""One turn of a partition: a batch of its log, and the passing of time, in one order.

Law: the order is a function of the log alone. Before each event, everyone's timers that are
due at or before the partition's clock fire, in due order; then the event is applied. So any
way of cutting a log into batches gives the same effects, and a timer never overtakes an event
that stands before it in the log.

The clock moves to the events' times where the batch moves it, to clock marks, and to `until`,
which the shell sets to the wall clock only when the partition has caught up. Where events
come from several places they do not move it, because others may lag behind: then `until`
does, to what all have reached (agents/frontier.py), and when that is depends on the fetches.

A happening that fails (a bug: conditions are total) fails in one journey. The user is brought
back to where they were by applying their earlier happenings of the turn again; the journey is
marked as stuck for them, and the happening is applied without it. So other journeys, and other
users, go on as if that journey had never been. What fails outside of any journey changes nothing.

Most events matter to no journey, and cost only a look at the clock. Where a journey lets in
whoever becomes known, each user's first event matters; the store remembers who is no stranger
(`met`, a cache: whoever is not in it is looked at once more).
"""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Protocol

from journeystream.effects import Effect, Travel
from journeystream.engine import Rules, advance
from journeystream.errors import EngineError
from journeystream.events import (
    Archived,
    Claimed,
    ClockMark,
    Due,
    Enrolled,
    Entry,
    Event,
    Happening,
    Message,
    Past,
    PastOver,
    Retried,
    Reviewed,
    Unread,
)
from journeystream.journeys import Journeys
from journeystream.user import NEVER, Derived, User

# Not what is done by hand: it is done again, as for whom the journey is stuck (by_hand.py).
_OF_A_JOURNEY = (Archived, Enrolled, Past, PastOver, Retried, Reviewed)
_LONGEST_WHAT = 200  # characters of an error that are kept in a user's record


class Users(Protocol):
    """The users of one partition, as they were before the turn."""

    def met(self, journeys: Journeys) -> Container[str]:
        """Return whom all of these journeys that strangers may enter have looked at."""

    def load(self, ids: Collection[str]) -> dict[str, User]:
        """Return fresh copies of those that are known."""

    def due(self, until: int, most: int | None = None) -> list[tuple[int, str]]:
        """Return (wake, user id) of those to be woken at or before `until`: the first `most`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A happening that the engine could not apply.

    Either a journey is stuck now, and the rest applied; or nothing of it could be applied, and
    `index` is its place in the batch.
    """

    happening: Happening
    error: EngineError
    index: int | None = None


@dataclass(slots=True)
class Turn:
    """The outcome of a turn: who changed, the effects in order, and the new clock.

    Who was `erased`, and has not changed since, is gone. `before` is what followed from their
    records as they were stored. `met` are users who are no strangers any more (take_turn); who was
    erased is one, unless met since. `travels` are told for measurement, in order.
    """

    clock: int
    changed: dict[str, User] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    before: dict[str, Derived] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    travels: list[Travel] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    met: set[str] = field(default_factory=set)

    def know(self, user_id: str, met: Container[str]) -> bool:
        """Tell whether someone is no stranger, `met` being those who were none before."""
        return user_id in self.met or (user_id in met and user_id not in self.erased)

    def tell_met(self, met: set[str]) -> None:
        """Bring those who are no strangers up to date, once the turn is saved."""
        met.difference_update(self.erased)
        met.update(self.met)

    def keep(self, user_id: str, user: User | None) -> None:
        """Note what has become of someone; None: they were erased."""
        if user is not None:
            self.changed[user_id] = user
        else:
            self.changed.pop(user_id, None)
            self.met.discard(user_id)
            self.erased.add(user_id)


def take_turn(
    batch: Sequence[Entry],
    clock: int,
    users: Users,
    rules: Rules,
    *,
    moves_clock: bool = True,
    until: int | None = None,
    most: int | None = None,
) -> Turn:
    """Apply a batch (None: nothing is to be done for a record) and let time pass to `until`.

    `most` bounds how many stored alarms fire, for turns of time alone: the rest stay due, and
    fire first in the next turn.
    """
    journeys = rules.journeys
    # Where events do not move the clock, a user's timers wait for their next event, whichever.
    met = users.met(journeys) if moves_clock else ()
    touching, ids, last = _touching(batch, clock, journeys, met, moves_clock=moves_clock)
    horizon = last if until is None else max(last, until)
    taker = _Taker(clock, users, rules, users.due(horizon, most), horizon)
    taker.preload(ids)
    turn, wakes = taker.turn, taker.wakes
    for index, turn.clock, entry, is_read in touching:
        if wakes and wakes[0][0] <= turn.clock:
            taker.fire()
        if is_read:
            taker.apply_event(entry, index)
        elif not turn.know(entry.user_id, met):
            taker.apply_event(entry, index)
            if moves_clock and journeys.have_met(taker.user(entry.user_id)):
                turn.met.add(entry.user_id)
    taker.move_clock(horizon)
    return turn


def _touching(
    batch: Sequence[Entry],
    clock: int,
    journeys: Journeys,
    met: Container[str],
    *,
    moves_clock: bool,
) -> tuple[list[tuple[int, int, Message | Unread, bool]], set[str], int]:
    """Return what may touch a user: place, clock, event, and whether a journey reads it.

    Also whom the turn will certainly ask for, and the clock behind the batch. Most events are
    nowhere in it: they do no more than move the clock, and what fires by that fires in due order,
    also when the clock makes one move instead of several.
    """
    strangers = bool(journeys.strangers_welcome)
    touching: list[tuple[int, int, Message | Unread, bool]] = []
    ids: set[str] = set()
    for index, entry in enumerate(batch):
        if entry is None:
            continue
        if entry.at > clock and (moves_clock or isinstance(entry, ClockMark)):
            clock = entry.at
        if isinstance(entry, ClockMark):
            continue
        if isinstance(entry, Unread):
            is_read = False
        else:
            # A note is made for a reason, and matters.
            is_read = not isinstance(entry, Event) or journeys.matters(entry.kind, entry.name)
        if is_read or strangers:
            touching.append((index, clock, entry, is_read))
            if is_read or entry.user_id not in met:
                ids.add(entry.user_id)
    return touching, ids, clock


def sweep(happenings: Sequence[Happening], clock: int, users: Users, rules: Rules) -> Turn:
    """Apply what happens to users beside the log, in this order; the clock stays where it is.

    What happens to a user whose own clock is later happens at that.
    """
    taker = _Taker(clock, users, rules, [], NEVER)
    taker.preload({happening.user_id for happening in happenings})
    for happening in happenings:
        taker.apply(happening, None)
    return taker.turn


class _Taker:
    """A turn being taken; `horizon` is the latest instant that its clock will reach."""

    def __init__(
        self, clock: int, users: Users, rules: Rules, wakes: list[tuple[int, str]], horizon: int
    ) -> None:
        self.turn = Turn(clock)
        self.users = users
        self.rules = rules
        self.horizon = horizon
        self.wakes = wakes
        heapify(self.wakes)
        self.loaded: dict[str, User | None] = {}
        self.applied: dict[str, list[Happening | Stuck]] = {}
        self.undone: dict[str, User | None] = {}

    def preload(self, ids: set[str]) -> None:
        """Fetch at once everyone that the turn will certainly ask for."""
        ids.update(user_id for _, user_id in self.wakes)
        self._fetch(ids)

    def move_clock(self, to: int) -> None:
        """Move the clock on, never back, and fire what is due by then."""
        self.turn.clock = max(self.turn.clock, to)
        self.fire()

    def fire(self) -> None:
        """Fire what is due by the clock."""
        turn, wakes = self.turn, self.wakes
        while wakes and wakes[0][0] <= turn.clock:
            at, user_id = heappop(wakes)
            user = self.user(user_id)
            if user is not None and user.wake == at:
                self.apply(Due(user_id, at), None)

    def apply(self, happening: Happening, index: int | None) -> None:
        """Advance one user; a new wake within the horizon joins the queue."""
        user_id = happening.user_id
        try:
            outcome = advance(self.user(user_id), happening, self.rules)
        except EngineError as error:
            self._undo(user_id)
            self._fail(happening, error, index)
            return
        if outcome.changed:
            self.turn.effects += outcome.effects
            if outcome.travels:
                self.turn.travels += outcome.travels
            self._keep(user_id, outcome.user, happening)

    def apply_event(self, event: Message | Unread, index: int) -> None:
        """Fire what is due for the event's own user, then apply it."""
        # What is due by the clock has fired. A claim is an alarm itself, and waits for the clock.
        while (
            event.at > self.turn.clock
            and not isinstance(event, Claimed)
            and (user := self.user(event.user_id)) is not None
            and (wake := user.wake) is not None
            and wake <= event.at
        ):
            self.apply(Due(event.user_id, wake), None)
            if (user := self.user(event.user_id)) is not None and user.wake == wake:
                break  # it failed outside of any journey, and would for ever
        self.apply(event.event() if isinstance(event, Unread) else event, index)

    def user(self, user_id: str) -> User | None:
        """Return a user as they are now."""
        if user_id not in self.loaded:
            self._fetch((user_id,))
        return self.loaded[user_id]

    def _fetch(self, ids: Collection[str]) -> None:
        self.loaded.update(dict.fromkeys(ids))
        for user_id, user in self.users.load(ids).items():
            self.loaded[user_id] = user
            self.turn.before[user_id] = user.derived()

    def _fail(self, happening: Happening, error: EngineError, index: int | None) -> None:
        """Tell a failure; go on without the journey that failed, if one did."""
        stuck = Stuck(happening.user_id, error.journey, repr(error.__cause__))
        if not stuck.journey or not stuck.is_news(self.user(stuck.user_id)):
            self.turn.failures.append(Failure(happening, error, index))
            return
        self.turn.failures.append(Failure(happening, error))
        self._keep(stuck.user_id, stuck.mark(self.user(stuck.user_id)), stuck)
        # One about the journey that failed has nothing more to do.
        if not isinstance(happening, _OF_A_JOURNEY) or happening.journey != stuck.journey:
            self.apply(happening, index)

    def _keep(self, user_id: str, user: User | None, applied: Happening | Stuck) -> None:
        self.loaded[user_id] = user
        self.turn.keep(user_id, user)
        self.applied.setdefault(user_id, []).append(applied)
        wake = None if user is None else user.wake
        if wake is not None and wake <= self.horizon:
            heappush(self.wakes, (wake, user_id))

    def _undo(self, user_id: str) -> None:
        """Bring a user back to where they were before a happening failed half-way.

        The next time begins here: else a user with many failures would cost their square.
        """
        if user_id in self.undone:
            user = deepcopy(self.undone[user_id])
        else:
            user = self.users.load([user_id]).get(user_id)
        for applied in self.applied.pop(user_id, ()):
            if isinstance(applied, Stuck):
                user = applied.mark(user)
            else:
                user = advance(user, applied, self.rules).user
        self.loaded[user_id] = user
        self.undone[user_id] = deepcopy(user)
        if user is not None and user_id in self.turn.changed:
            self.turn.changed[user_id] = user


@dataclass(frozen=True, slots=True)
class Stuck:
    """A journey failed on a user: nothing happens in it for them until it is tried again."""

    user_id: str
    journey: str
    what: str

    def is_news(self, user: User | None) -> bool:
        """Tell whether the journey was not stuck before; else marking it would help nobody."""
        return user is None or self.journey not in user.stuck

    def mark(self, user: User | None) -> User:
        """Note it in the user's record."""
        user = user or User(self.user_id)
        user.stuck[self.journey] = self.what[:_LONGEST_WHAT]
        return user
