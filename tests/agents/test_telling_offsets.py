"""Telling the group how far a turn has come: news for those who watch lag, and for nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from threading import Thread
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from journeystream.agents.batch_transport import BatchConsumerThread
from journeystream.agents.telling import Offsets, Teller

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
    parts._teller = Teller(parts._tell)
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

    async def telling() -> None:
        task = asyncio.ensure_future(thread.tell_offsets(OFFSETS))
        asked = asyncio.run_coroutine_threadsafe(member.asked.wait(), thread.thread_loop)
        await asyncio.wrap_future(asked)
        await asyncio.to_thread(end, thread)
        await asyncio.wait_for(task, PATIENCE)

    asyncio.run(telling())


def test_an_error_that_nobody_expects_is_raised() -> None:
    """What is neither Kafka's refusal nor a thread's end is a fault, and no news is made of it."""
    thread = thread_of(Member(ValueError("a fault")))
    with pytest.raises(ValueError, match="a fault"):
        tell(thread)
    end(thread)


# ── several who tell at once ─────────────────────────────────────────────────────────────


def offsets_of(partition: int, offset: int = 7) -> Offsets:
    """Return offsets of one partition."""
    return {TopicPartition("web", partition): offset}


class Coordinator:
    """It answers when it is let, and says when it is asked."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Offsets] = asyncio.Queue()
        self.answer = asyncio.Event()

    async def tell(self, offsets: Offsets) -> None:
        """Hear of offsets."""
        self.asked.put_nowait(offsets)
        await self.answer.wait()


def test_who_waits_is_told_together() -> None:
    """While one partition's offsets are told, those of all others become one question."""

    async def telling() -> list[Offsets]:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        tasks = [asyncio.ensure_future(teller.tell(offsets_of(number))) for number in range(4)]
        first = await coordinator.asked.get()
        coordinator.answer.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
        return [first, coordinator.asked.get_nowait()]

    first, others = asyncio.run(telling())
    assert {**first, **others} == {TopicPartition("web", number): 7 for number in range(4)}


def test_who_is_cancelled_takes_nothing_of_others_away() -> None:
    """A partition that is let go while it tells for others leaves their offsets to the next."""

    async def telling() -> Offsets:
        coordinator = Coordinator()
        teller = Teller(coordinator.tell)
        first, second, third = (
            asyncio.ensure_future(teller.tell(offsets_of(number))) for number in range(3)
        )
        await coordinator.asked.get()
        first.cancel()
        await coordinator.asked.get()
        second.cancel()
        told = await coordinator.asked.get()
        coordinator.answer.set()
        await asyncio.wait_for(third, PATIENCE)
        return told

    assert asyncio.run(telling()) == offsets_of(2)
