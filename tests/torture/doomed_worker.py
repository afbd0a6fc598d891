"""`journeystream run`, that sends itself a signal in a numbered step of the commit.

Whoever wants it writes the signal and the step (plan.Commit) into the file that TORTURE_STEP
names; the next commit that begins takes the file away and is hit where it says. After a SIGSTOP
it goes on with that step when it is woken: a zombie in the middle of its commit. The hooks
are put from outside around the committer, the producer and RocksDB's save: the product has no fault
points.

Exactly once:

* 1: before the transaction begins; 2: with one output at the broker, the others unsent
* 3: with all outputs and users in the changelog, without the partition's own record
* 4: before the offsets; 5: before or after the broker has committed; 6: after the save

At least once:

* 1 begun: with one output at the broker, the others unsent; 1 done: with all, and no user
* 2 done: with the users in the changelog, without the partition's own record; 3 done: with that
* 4 done: after the save, with offsets that nobody was told
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from journeystream.agents.changelog import PARTITION_KEY
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.agents.producer import KafkaProducer
from journeystream.cli import main
from journeystream.sinks.records import OutRecord
from journeystream.state.rocksdb import RocksStore

STEP_FILE = "TORTURE_STEP"
_CHANGELOG = ".changelog"


class _Doom:
    """The step to be hit in, once a producer has begun the commit that it is for.

    It `comes_after_save` when the commit goes on to its save without letting anybody else run.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.signal = signal.SIGKILL
        self.step = ""
        self.producer: object = None
        self.comes_after_save = False

    def begins(self, producer: object) -> None:
        """Take the step that was written, for this producer's commit."""
        if not self.step and self._file.exists():
            name, _, self.step = self._file.read_text(encoding="utf-8").partition(" ")
            self.signal = signal.Signals[name]
            self._file.unlink()
            self.producer = producer

    def is_now(self, producer: object, *steps: str) -> bool:
        """Tell whether this is the commit, and the step one of these."""
        return self.step in steps and self.producer is producer

    def strike(self) -> None:
        """Send the signal; whoever wakes from it is not hit again."""
        self.step, self.comes_after_save = "", False
        os.kill(os.getpid(), self.signal)


def _hook_begins(doom: _Doom) -> None:
    """Take the step where a commit begins: with its transaction, or without a word to Kafka."""
    begin, commit = KafkaProducer.begin_transaction, RepeatingCommitter.commit

    async def begin_transaction(self: KafkaProducer) -> None:
        doom.begins(self)
        if doom.is_now(self, "1"):
            doom.strike()
        await begin(self)

    async def commit_repeating(self: RepeatingCommitter, *turn: Any) -> None:  # noqa: ANN401  as it is
        doom.begins(self._producer)
        await commit(self, *turn)

    KafkaProducer.begin_transaction = begin_transaction  # type: ignore[method-assign]
    RepeatingCommitter.commit = commit_repeating  # type: ignore[method-assign, assignment]


def _hook_sends(doom: _Doom) -> None:
    """Strike between records, which a transaction sends in one go and others piece by piece."""
    send = KafkaProducer.send

    async def send_some(self: KafkaProducer, records: Iterable[OutRecord]) -> list[int]:
        everything = list(records)
        logged = [each for each in everything if each.topic.endswith(_CHANGELOG)]
        first: list[OutRecord] = []
        if doom.is_now(self, "2", "1 begun"):
            first = [each for each in everything if each not in logged][:1]
        elif logged and doom.is_now(self, "3", "2 done"):
            first = [each for each in everything if each.key != PARTITION_KEY]
        offsets = await send(self, first) if first else []
        if first or (logged and doom.is_now(self, "1 done")):
            doom.strike()
        # Who wakes from it goes on with the rest.
        offsets += await send(self, [each for each in everything if each not in first])
        if any(each.key == PARTITION_KEY for each in logged):
            if doom.is_now(self, "3 done"):
                doom.strike()
            doom.comes_after_save = doom.is_now(self, "4 done")
        return offsets

    KafkaProducer.send = send_some  # type: ignore[method-assign]


def _hook_ends(doom: _Doom) -> None:
    send_offsets = KafkaProducer.send_offsets_to_transaction
    commit = KafkaProducer.commit_transaction

    async def send_offsets_to_transaction(
        self: KafkaProducer, offsets: Mapping[TopicPartition, int], group_id: str
    ) -> None:
        if doom.is_now(self, "4"):
            doom.strike()
        await send_offsets(self, offsets, group_id)

    async def commit_transaction(self: KafkaProducer) -> None:
        if doom.is_now(self, "5 before"):
            doom.strike()
        await commit(self)
        if doom.is_now(self, "5 after"):
            doom.strike()
        doom.comes_after_save = doom.is_now(self, "6")

    KafkaProducer.send_offsets_to_transaction = send_offsets_to_transaction  # type: ignore[method-assign]
    KafkaProducer.commit_transaction = commit_transaction  # type: ignore[method-assign]


def _hook_store(doom: _Doom) -> None:
    save = RocksStore.save

    def save_then(self: RocksStore, *rest: Any) -> None:  # noqa: ANN401  whatever it takes
        save(self, *rest)
        if doom.comes_after_save:
            doom.strike()

    setattr(RocksStore, "save", save_then)  # noqa: B010  an assignment is refused by the types


if __name__ == "__main__":
    _doom = _Doom(Path(os.environ[STEP_FILE]))
    _hook_begins(_doom)
    _hook_sends(_doom)
    _hook_ends(_doom)
    _hook_store(_doom)
    main()
