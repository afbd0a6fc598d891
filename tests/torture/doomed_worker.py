"""`journeystream run`, that sends itself a signal in a numbered step of the commit.

Whoever wants it writes the signal and the step (plan.STEPS) into the file that TORTURE_STEP
names; the next commit that begins takes the file away and is hit where it says. After a SIGSTOP
it goes on with that step when it is woken: a zombie in the middle of its transaction. The hooks
are put from outside around aiokafka's producer and RocksDB's save: the product has no fault
points.

* 1: before the transaction begins; 2: with one output at the broker, the others unsent
* 3: with all outputs and users in the changelog, without the partition's own record
* 4: before the offsets; 5: before or after the broker has committed; 6: after the save
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from journeystream.agents.changelog import PARTITION_KEY
from journeystream.cli import main
from journeystream.state.rocksdb import RocksStore

STEP_FILE = "TORTURE_STEP"
_CHANGELOG = ".changelog"


class _Doom:
    """The step to be hit in, once a producer has begun the commit that it is for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.signal = signal.SIGKILL
        self.step = ""
        self.producer: object = None

    def begins(self, producer: object) -> None:
        """Take the step that was written, for this producer's commit."""
        if not self.step and self._file.exists():
            name, _, self.step = self._file.read_text(encoding="utf-8").partition(" ")
            self.signal = signal.Signals[name]
            self._file.unlink()
            self.producer = producer

    def is_now(self, producer: object, step: str) -> bool:
        """Tell whether this is the commit and the step."""
        return self.step == step and self.producer is producer

    def strike(self) -> None:
        """Send the signal; whoever wakes from it is not hit again."""
        self.step = ""
        os.kill(os.getpid(), self.signal)


def _hook_sends(doom: _Doom) -> None:
    begin: Callable[..., Awaitable[None]] = AIOKafkaProducer.begin_transaction
    send: Callable[..., Awaitable[Awaitable[object]]] = AIOKafkaProducer.send

    async def begin_transaction(self: object) -> None:
        doom.begins(self)
        if doom.is_now(self, "1"):
            doom.strike()
        await begin(self)

    async def send_one(self: Any, topic: str, *rest: Any, **record: Any) -> Awaitable[object]:  # noqa: ANN401  aiokafka's
        if doom.is_now(self, "3") and record.get("key") == PARTITION_KEY:
            await self.flush()
            doom.strike()
        sent = await send(self, topic, *rest, **record)
        if doom.is_now(self, "2") and not topic.endswith(_CHANGELOG):
            await sent
            doom.strike()
        return sent

    AIOKafkaProducer.begin_transaction = begin_transaction
    AIOKafkaProducer.send = send_one


def _hook_ends(doom: _Doom) -> None:
    send_offsets: Callable[..., Awaitable[None]] = AIOKafkaProducer.send_offsets_to_transaction
    commit: Callable[..., Awaitable[None]] = AIOKafkaProducer.commit_transaction

    async def send_offsets_to_transaction(self: object, *rest: Any) -> None:  # noqa: ANN401  aiokafka's
        if doom.is_now(self, "4"):
            doom.strike()
        await send_offsets(self, *rest)

    async def commit_transaction(self: object) -> None:
        if doom.is_now(self, "5 before"):
            doom.strike()
        await commit(self)
        if doom.is_now(self, "5 after"):
            doom.strike()

    AIOKafkaProducer.send_offsets_to_transaction = send_offsets_to_transaction
    AIOKafkaProducer.commit_transaction = commit_transaction


def _hook_store(doom: _Doom) -> None:
    save = RocksStore.save
    commit: Callable[..., Awaitable[None]] = AIOKafkaProducer.commit_transaction
    committed = False

    async def commit_transaction(self: object) -> None:
        nonlocal committed
        await commit(self)
        # The commit goes on to its save without letting anybody else run.
        committed = doom.is_now(self, "6")

    def save_then(self: RocksStore, *rest: Any) -> None:  # noqa: ANN401  whatever it takes
        nonlocal committed
        save(self, *rest)
        if committed:
            committed = False
            doom.strike()

    AIOKafkaProducer.commit_transaction = commit_transaction
    setattr(RocksStore, "save", save_then)  # noqa: B010  an assignment is refused by the types


if __name__ == "__main__":
    _doom = _Doom(Path(os.environ[STEP_FILE]))
    _hook_sends(_doom)
    _hook_ends(_doom)
    _hook_store(_doom)
    main()
