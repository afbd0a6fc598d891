"""Shells that are broken on purpose: the simulation must find each of them.

Each is a law of the shell turned off, in a context; outside of it the shell is whole again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.agents.batch import Batch
from journeystream.agents.catching_up import CatchingUp
from journeystream.agents.changelog import ChangelogMerge, Ledger, Restored
from journeystream.agents.cluster import Cluster
from journeystream.agents.commit import Committer
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.agents.control import Control
from journeystream.agents.intake import Intake
from journeystream.agents.partition import _ROOM, Partition
from journeystream.agents.partitions import Partitions
from journeystream.agents.recovery import Replica
from journeystream.agents.telling import Teller
from journeystream.clock import Clock
from journeystream.events import Entry
from journeystream.journeys import Journeys
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.store import Change, Store
from tests.simulation.plan import Fault, Plan, draw

_commit, _apply, _init, _look = (
    Committer.commit,
    Partition._apply,
    Committer.__init__,
    CatchingUp.__init__,
)
_repeat, _close, _revoke = RepeatingCommitter.commit, Partition._end, Partitions.revoke
_numbers = itertools.count()


async def _saves_first(
    self: Committer,
    outputs: Sequence[OutRecord],
    changes: Sequence[Change],
    partition: PartitionState,
    offsets: Mapping[str, int],
) -> None:
    self._store.save(changes, partition)
    await _commit(self, outputs, changes, partition, offsets)


async def _tells_on(self: Teller) -> None:
    del self


async def _waits_for_nobody(self: Partitions) -> None:
    self._ending = asyncio.Lock()
    await _revoke(self)


async def _keeps_open(self: Partition) -> None:
    await self._sweeps.close()
    await self._committer.stop()
    await _close(self)


async def _forgets_offsets(
    self: Committer,
    outputs: Sequence[OutRecord],
    changes: Sequence[Change],
    partition: PartitionState,
    offsets: Mapping[str, int],
) -> None:
    del offsets
    await _commit(self, outputs, changes, partition, {})


def _fences_nobody(self: Committer, ledger: Ledger, cluster: Cluster, store: Store) -> None:
    _init(self, ledger, cluster, store)
    self._producer = cluster.producer(f"{ledger.group}-{ledger.partition}-{next(_numbers)}")


async def _never_waits(self: CatchingUp, positions: Mapping[str, int]) -> int | None:
    del positions
    return self._clock.now()


def _looks_at_own_topics_only(
    self: CatchingUp,
    control: Control,
    clock: Clock,
    own: Collection[TopicPartition],
    loose: Collection[TopicPartition],
    passage: TopicPartition,
) -> None:
    del loose
    _look(self, control, clock, own, (), passage)


async def _trusts_what_is_readable(
    self: Control, tps: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    return await self.ends(tps)


async def _believes_the_first(self: Partition, batch: Batch) -> int:
    return self._state.positions.get(batch.topic, batch.start)


async def _applies_again(self: Partition, batch: Batch) -> None:
    self._state.positions[batch.topic] = batch.start
    await _apply(self, batch)


async def _bears_gaps(self: Partition, batch: Batch, applied: int) -> None:
    del self, batch, applied


async def _restores_little(self: Replica) -> Restored:
    await self._read()
    return self._merge.found(0, 0)


async def _does_not_ask(self: Control) -> Journeys:
    return self.known


def _applies_all(
    self: RepeatingCommitter, batch: Batch, entries: Sequence[Entry]
) -> Sequence[Entry]:
    del self, batch
    return entries


async def _saves_unwritten(
    self: RepeatingCommitter,
    outputs: Sequence[OutRecord],
    changes: Sequence[Change],
    partition: PartitionState,
    offsets: Mapping[str, int],
) -> None:
    self._store.save(changes, partition)
    await _repeat(self, outputs, changes, partition, offsets)


def _counts_all(self: ChangelogMerge, record: ConsumerRecord) -> bool:
    del self, record
    return True


def _marks_nothing(self: Intake, place: int, at: int) -> None:
    del self, place, at


def _any(plan: Plan) -> bool:
    del plan
    return True


def _much_rekeying(plan: Plan) -> bool:
    plan.network.markers = 0.6
    return plan.mode == "live of two"


def _much_moving(plan: Plan) -> bool:
    """Let batches of before a rebalance come after it, when nothing was applied yet."""
    plan.stale, plan.duplicates, plan.network.slowest = True, 0.5, 0.1
    kinds = ("evict", "join", "leave")
    plan.faults = [Fault(kinds[nth % 3], 0.05 * (nth + 1), 0.4) for nth in range(24)]
    return len(plan.sources) == 2


def _slowly(plan: Plan) -> bool:
    """Let answers take so long that offsets are still to be told when a partition ends."""
    plan.network.slowest = 0.05
    return True


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is put instead of what; `bias` turns a plan to where that matters, or declines it.

    `room` is how many records may wait: with one, more batches are still to come at a rebalance.
    """

    owner: type
    attribute: str
    instead: Callable[..., object]
    bias: Callable[[Plan], bool] = _any
    repeats: bool = False
    room: int = _ROOM


MUTANTS: dict[str, Mutant] = {
    "the store is saved before the commit": Mutant(Committer, "commit", _saves_first),
    "offsets are not in the transaction": Mutant(Committer, "commit", _forgets_offsets),
    "a new owner fences nobody": Mutant(Committer, "__init__", _fences_nobody),
    "the clock does not wait for the log": Mutant(CatchingUp, "reached", _never_waits),
    "the clock does not wait for re-keying": Mutant(
        CatchingUp, "__init__", _looks_at_own_topics_only, _much_rekeying
    ),
    "the clock does not wait for late markers": Mutant(
        Control, "written", _trusts_what_is_readable, _much_rekeying
    ),
    "a topic begins with the batch that comes first": Mutant(
        Partition, "_applied", _believes_the_first, _much_moving, room=1
    ),
    "records are applied again": Mutant(Partition, "_apply", _applies_again),
    "what nobody reads does not move the clock": Mutant(Intake, "mark", _marks_nothing),
    "a partition whose end is cut short keeps its store open": Mutant(
        Partition, "_end", _keeps_open, repeats=True
    ),
    "who has ended goes on telling": Mutant(Teller, "settle", _tells_on, _slowly, repeats=True),
    "a group does not wait for a worker that ends": Mutant(
        Partitions, "revoke", _waits_for_nobody, repeats=True
    ),
    "gaps are borne": Mutant(Partition, "_accept_gap", _bears_gaps),
    "recovery ends early": Mutant(Replica, "catch_up", _restores_little),
    "the control topic is not asked": Mutant(Control, "current", _does_not_ask),
    "users who are ahead get their events again": Mutant(
        RepeatingCommitter, "not_applied", _applies_all, repeats=True
    ),
    "a turn is saved before it is written": Mutant(
        RepeatingCommitter, "commit", _saves_unwritten, repeats=True
    ),
    "stamps are not looked at": Mutant(ChangelogMerge, "_user_counts", _counts_all, repeats=True),
}


def biased(name: str, seed: int) -> Plan | None:
    """Return the plan of a seed, turned to where the mutant matters; None if it is of no use."""
    plan = draw(seed, repeats=MUTANTS[name].repeats)
    return plan if MUTANTS[name].bias(plan) else None


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Break the shell in one way."""
    mutant = MUTANTS[name]
    with mock.patch.object(mutant.owner, mutant.attribute, mutant.instead):
        yield
