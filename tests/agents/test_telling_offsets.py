"""Telling the group how far a turn has come: news for those who watch lag, and for nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from threading import Thread
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from journeystream.agents import telling
from journeystream.agents.batch_transport import BatchConsumerThread
from journeystream.agents.changelog import Ledger
from journeystream.agents.cluster import KafkaCluster
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.agents.telling import Offsets, Teller
from journeystream.broker_access import BrokerAccess
from journeystream.state.memory import MemoryStore

OFFSETS = {TopicPartition("web", 0): 7}
PATIENCE = 20.0


class Member:
    """The consumer in the thread, as far as it is asked here."""

    def __init__(self, refusal: Exception | None = None, *, silent: bool = False) -> None:
        self.told: list[Mapping[TopicPartition, int]] = []
        self.asked = asyncio.Event()
        self._refusal = refusal
        self._silent = silent

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Take offsets, refuse them, or never answer."""
        self.asked.set()
        if self._refusal is not None:
            raise self._refusal
        if self._silent:
            await asyncio.Event().wait()
        self.told.append(offsets)


def thread_of(member: Member) -> BatchConsumerThread:
    """Return the consumer's thread, running its loop and nothing else of Faust's."""
    thread = BatchConsumerThread.__new__(BatchConsumerThread)
    parts = cast("Any", thread)
    parts.thread_loop = asyncio.new_event_loop()
    parts._consumer = member
    parts._thread = Thread(target=parts.thread_loop.run_forever, daemon=True)
    parts._thread.start()
    return thread


def end(thread: BatchConsumerThread) -> None:
    """Let the thread end as Faust does: what is still at work in it is cancelled."""
    loop = thread.thread_loop

    async def sweep() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(sweep(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    cast("Any", thread)._thread.join()
    loop.close()


def tell(thread: BatchConsumerThread) -> None:
    """Tell the offsets from a loop of its own."""
    asyncio.run(asyncio.wait_for(thread.tell_offsets(OFFSETS), PATIENCE))


def test_the_group_hears_of_it() -> None:
    """Once a turn has told its offsets, the group has them."""
    member = Member()
    thread = thread_of(member)
    tell(thread)
    end(thread)
    assert member.told == [OFFSETS]


@pytest.mark.parametrize("refusal", [CommitFailedError(), RuntimeError("not started")])
def test_a_refusal_does_no_harm(refusal: Exception) -> None:
    """What a rebalance refuses is told by the next turn, or by the next owner."""
    thread = thread_of(Member(refusal))
    tell(thread)
    end(thread)


def test_a_thread_that_has_ended_holds_up_no_turn() -> None:
    """Nobody waits for a consumer that is gone before it is asked."""
    thread = thread_of(Member())
    end(thread)
    tell(thread)


def test_a_thread_that_ends_meanwhile_holds_up_no_turn() -> None:
    """Nobody waits for a consumer that goes before it has answered."""
    member = Member(silent=True)
    thread = thread_of(member)

    async def ending() -> None:
        task = asyncio.ensure_future(thread.tell_offsets(OFFSETS))
        asked = asyncio.run_coroutine_threadsafe(member.asked.wait(), thread.thread_loop)
        await asyncio.wrap_future(asked)
        await asyncio.to_thread(end, thread)
        await asyncio.wait_for(task, PATIENCE)

    asyncio.run(ending())


def test_an_error_that_nobody_expects_is_raised() -> None:
    """What is neither Kafka's refusal nor a thread's end is a fault, and no news is made of it."""
    thread = thread_of(Member(ValueError("a fault")))
    with pytest.raises(ValueError, match="a fault"):
        tell(thread)
    end(thread)


# ── beside the turns ─────────────────────────────────────────────────────────────────────


def offsets_of(partition: int, offset: int = 7) -> Offsets:
    """Return offsets of one partition."""
    return {TopicPartition("web", partition): offset}


class Coordinator:
    """It says what it is asked, and answers when it is let, or refuses."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.asked: asyncio.Queue[Offsets] = asyncio.Queue()
        self.answer = asyncio.Event()
        self.waiting = 0
        self._refusal = refusal

    async def tell(self, offsets: Offsets) -> None:
        """Hear of offsets."""
        self.asked.put_nowait(offsets)
        self.waiting += 1
        try:
            await self.answer.wait()
        finally:
            self.waiting -= 1
        if self._refusal is not None:
            raise self._refusal

    async def hears(self) -> Offsets:
        """Return what it is asked next."""
        return await asyncio.wait_for(self.asked.get(), PATIENCE)


def test_nobody_waits_and_the_newest_are_told_together() -> None:
    """While some offsets are told, the newest of all partitions become one question."""

    async def told() -> None:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        teller.tell(offsets_of(0))
        assert await coordinator.hears() == offsets_of(0)
        for offset in (8, 9):
            for partition in range(3):
                teller.tell(offsets_of(partition, offset))
        coordinator.answer.set()
        assert await coordinator.hears() == {
            **offsets_of(0, 9),
            **offsets_of(1, 9),
            **offsets_of(2, 9),
        }
        teller.tell(offsets_of(1, 10))
        assert await coordinator.hears() == offsets_of(1, 10)

    asyncio.run(told())


def test_who_ends_has_told_all() -> None:
    """What is being told, and what is still to be, is told before another may have it."""

    async def told() -> None:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        await asyncio.wait_for(teller.settle(), PATIENCE)  # there is nothing to tell
        teller.tell(offsets_of(0))
        assert await coordinator.hears() == offsets_of(0)
        teller.tell(offsets_of(0, 8))
        settling = asyncio.ensure_future(teller.settle())
        coordinator.answer.set()
        await asyncio.wait_for(settling, PATIENCE)
        assert coordinator.asked.get_nowait() == offsets_of(0, 8)

    asyncio.run(told())


def test_what_kafka_does_not_hear_in_time_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends does so though Kafka is silent; what is told later is told alone."""
    monkeypatch.setattr(telling, "_PATIENCE", 0.05)

    async def silence() -> None:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        teller.tell(offsets_of(0))
        assert await coordinator.hears() == offsets_of(0)
        teller.tell(offsets_of(0, 8))
        await asyncio.wait_for(asyncio.gather(teller.settle(), teller.settle()), PATIENCE)
        teller.tell(offsets_of(1, 8))
        assert await coordinator.hears() == offsets_of(1, 8)
        assert coordinator.waiting == 1, "nobody waits for the old answer any more"

    asyncio.run(silence())


def test_a_fault_is_raised_to_whoever_tells_next() -> None:
    """A fault in telling ends a turn, as any other does, and holds up nobody who ends."""

    async def faulty() -> None:
        coordinator = Coordinator(ValueError("a fault"))
        teller = Teller(coordinator.tell)
        teller.tell(offsets_of(0))
        await coordinator.hears()
        teller.tell(offsets_of(0, 8))  # still to be told when the fault comes
        coordinator.answer.set()
        await asyncio.wait_for(teller.settle(), PATIENCE)
        with pytest.raises(ValueError, match="a fault"):
            teller.tell(offsets_of(0))

    asyncio.run(faulty())


def test_who_is_cut_short_at_the_end_tells_nothing_more() -> None:
    """Offsets that nobody may wait for any more are not told once another has the partition."""

    async def cut_short() -> None:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        teller.tell(offsets_of(0))
        assert await coordinator.hears() == offsets_of(0)
        teller.tell(offsets_of(0, 8))
        settling = asyncio.ensure_future(teller.settle())
        await asyncio.sleep(0)  # it waits
        settling.cancel()
        await asyncio.wait((settling,), timeout=PATIENCE)
        coordinator.answer.set()
        teller.tell(offsets_of(1))
        assert await coordinator.hears() == offsets_of(1)

    asyncio.run(cut_short())


def test_a_partition_has_told_its_offsets_when_it_has_ended() -> None:
    """A committer that stops waits for what it told last."""

    async def told() -> None:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        cluster = KafkaCluster(BrokerAccess("127.0.0.1:1"))
        committer = RepeatingCommitter(Ledger(0, "changelog", "g"), cluster, MemoryStore(), teller)
        teller.tell(offsets_of(0))
        await coordinator.hears()
        stopping = asyncio.ensure_future(committer.stop())
        ended, _ = await asyncio.wait((stopping,), timeout=0.05)
        assert not ended
        coordinator.answer.set()
        await asyncio.wait_for(stopping, PATIENCE)

    asyncio.run(told())
