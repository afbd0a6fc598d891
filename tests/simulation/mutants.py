"""Shells that are broken on purpose: the simulation must find each of them.

Each is a law of the shell turned off, in a context; outside of it the shell is whole again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest import mock

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.agents.batch_transport import Batch
from journeystream.agents.catching_up import CatchingUp
from journeystream.agents.changelog import ChangelogMerge, Ledger, Restored
from journeystream.agents.cluster import Cluster
from journeystream.agents.commit import Committer, Entry
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.agents.control import Control
from journeystream.agents.partition import Partition
from journeystream.agents.recovery import Replica
from journeystream.clock import Clock
from journeystream.journeys import Journeys
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.store import Change, Store

_commit, _apply, _init, _look = (
    Committer.commit,
    Partition._apply,
    Committer.__init__,
    CatchingUp.__init__,
)
_repeat = RepeatingCommitter.commit
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
    self: RepeatingCommitter,
    topic: str,
    records: Sequence[ConsumerRecord],
    entries: Sequence[Entry],
) -> Sequence[Entry]:
    del self, topic, records
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


_BROKEN: dict[str, tuple[type, str, Callable[..., object]]] = {
    "the store is saved before the commit": (Committer, "commit", _saves_first),
    "offsets are not in the transaction": (Committer, "commit", _forgets_offsets),
    "a new owner fences nobody": (Committer, "__init__", _fences_nobody),
    "the clock does not wait for the log": (CatchingUp, "reached", _never_waits),
    "the clock does not wait for re-keying": (CatchingUp, "__init__", _looks_at_own_topics_only),
    "the clock does not wait for late markers": (Control, "written", _trusts_what_is_readable),
    "records are applied again": (Partition, "_apply", _applies_again),
    "gaps are borne": (Partition, "_accept_gap", _bears_gaps),
    "recovery ends early": (Replica, "catch_up", _restores_little),
    "the control topic is not asked": (Control, "current", _does_not_ask),
}
_BROKEN_WITHOUT_TRANSACTIONS: dict[str, tuple[type, str, Callable[..., object]]] = {
    "users who are ahead get their events again": (RepeatingCommitter, "not_applied", _applies_all),
    "a turn is saved before it is written": (RepeatingCommitter, "commit", _saves_unwritten),
    "stamps are not looked at": (ChangelogMerge, "_user_counts", _counts_all),
}
NAMES = tuple(_BROKEN)
REPEATING_NAMES = tuple(_BROKEN_WITHOUT_TRANSACTIONS)


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Break the shell in one way."""
    owner, attribute, instead = (_BROKEN | _BROKEN_WITHOUT_TRANSACTIONS)[name]
    with mock.patch.object(owner, attribute, instead):
        yield
