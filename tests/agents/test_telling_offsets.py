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

OFFSETS = {TopicPartition("web", 0): 7}
PATIENCE = 30.0


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

    async def telling() -> None:
        task = asyncio.ensure_future(thread.tell_offsets(OFFSETS))
        asked = asyncio.run_coroutine_threadsafe(member.asked.wait(), thread.thread_loop)
        await asyncio.wrap_future(asked)
        await asyncio.to_thread(end, thread)
        await asyncio.wait_for(task, PATIENCE)

    asyncio.run(telling())
