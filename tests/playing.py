"""Playing: a log through a partition that takes turns and saves after each, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from journeystream.effects import DecisionRequest, HandedOver, StepMembership, memberships
from journeystream.engine import Rules
from journeystream.events import Message
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.store import Store, changes_of
from journeystream.turn import Turn, take_turn
from journeystream.user import NEVER, User
from tests.strategies import END_OF_TIME, Cuts, cut


class Partition:
    """A partition that takes turns and saves after each, as a worker does."""

    def __init__(self, rules: Rules, store: Store | None = None) -> None:
        self.rules = rules
        self.store = store or MemoryStore()
        self.effects: list[StepMembership] = []
        self.asked: list[DecisionRequest] = []
        self.handed_over: list[Message] = []

    def take(
        self, batch: Sequence[Message], *, until: int | None = None, moves_clock: bool = True
    ) -> list[StepMembership]:
        """Take one turn, save it, and return who entered and exited; nothing may fail in it."""
        partition = self.store.partition()
        turn = take_turn(
            batch, partition.clock, self.store, self.rules, until=until, moves_clock=moves_clock
        )
        return self.keep(turn)

    def keep(self, turn: Turn) -> list[StepMembership]:
        """Save a turn, and return who entered and exited; nothing may have failed in it."""
        assert not turn.failures, turn.failures
        assert turn.clock >= self.store.partition().clock
        self.store.save(changes_of(turn), PartitionState(clock=turn.clock))
        turn.tell_met(self.store.met(self.rules.journeys))
        told = memberships(turn.effects)
        self.effects += told
        self.asked += [each for each in turn.effects if isinstance(each, DecisionRequest)]
        self.handed_over += [each.message for each in turn.effects if isinstance(each, HandedOver)]
        return told

    def known(self) -> list[User]:
        """Return everyone that is known, in order of id."""
        return list(self.store.load(list(self.store.users())).values())

    def stored(self) -> Stored:
        """Return all that is stored, as bytes and as what is derived from them."""
        users = self.store.load(list(self.store.users()))
        return Stored(
            records={id_: encode_user(user) for id_, user in users.items()},
            alarms=self.store.due(-NEVER),
            clock=self.store.partition().clock,
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that a partition has stored."""

    records: Mapping[str, bytes]
    alarms: Sequence[tuple[int, str]]
    clock: int


def play(
    rules: Rules, log: Sequence[Message], sizes: Cuts = (), *, until: int | None = END_OF_TIME
) -> Partition:
    """Play a log in batches, then let time pass to `until`."""
    partition = Partition(rules)
    for batch in cut(log, sizes):
        partition.take(batch)
    if until is not None:
        partition.take([], until=until)
    return partition
