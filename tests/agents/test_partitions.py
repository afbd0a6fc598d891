"""What a worker has is ended before another may have it, whoever asks for it and how often."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from mode import Service

from journeystream.agents.partitions import Partitions
from journeystream.app import build_app
from journeystream.broker_access import BrokerAccess
from journeystream.project import Project

PATIENCE = 20.0


class Turn:
    """A partition that is in a turn until it is let, and takes no other when told to stop."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.told = asyncio.Event()
        self.over = asyncio.Event()
        self.ended = False
        self.number = 0

    async def run(self) -> None:
        """Be in a turn."""
        self.begun.set()
        try:
            await self.over.wait()
        finally:
            self.ended = True

    def stop(self) -> None:
        """Hear that this turn is the last one."""
        self.told.set()


def having(turn: Turn, patience: float) -> Partitions:
    """Return partitions of which each is in this turn."""

    async def crash(error: BaseException) -> None:
        raise error

    return Partitions(lambda _: cast("Any", turn), cast("Any", None), crash, patience)


def test_who_asks_while_turns_end_waits_for_them_too() -> None:
    """A group that takes partitions from a worker that is ending gets them when they have ended."""

    async def ending() -> None:
        turn = Turn()
        partitions = having(turn, PATIENCE)
        await partitions.assign([0])
        await turn.begun.wait()
        stopping = asyncio.ensure_future(partitions.stop())
        await turn.told.wait()
        revoking = asyncio.ensure_future(partitions.revoke())
        done, _ = await asyncio.wait((revoking,), timeout=0.05)
        assert not done
        turn.over.set()
        await asyncio.wait_for(asyncio.gather(stopping, revoking), PATIENCE)
        assert turn.ended

    asyncio.run(ending())


def test_a_turn_that_does_not_end_is_cut_short() -> None:
    """Patience has an end, and then nothing of the partition is at work any more."""

    async def ending() -> None:
        turn = Turn()
        partitions = having(turn, 0.05)
        await partitions.assign([0])
        await turn.begun.wait()
        await asyncio.wait_for(asyncio.gather(partitions.revoke(), partitions.stop()), PATIENCE)
        assert turn.ended

    asyncio.run(ending())


def test_a_worker_that_has_ended_takes_nothing_more() -> None:
    """What the group still gives to a worker that has ended is not begun."""

    async def late() -> None:
        turn = Turn()
        partitions = having(turn, PATIENCE)
        await partitions.stop()
        await partitions.assign([0], [1])
        assert not partitions.running
        assert not partitions.standing_by

    asyncio.run(late())


@pytest.mark.parametrize("stop_within", ["30 seconds", "10 minutes"])
def test_a_group_waits_longer_than_a_turn_may_take_to_end(stop_within: str) -> None:
    """However long a turn is given, Kafka does not give the partition away before."""
    settings = {"sources": [{"topic": "events"}], "limits": {"stop_within": stop_within}}
    app = build_app(Project.model_validate(settings), BrokerAccess("127.0.0.1:1"))
    assert app.conf.broker_rebalance_timeout > app.partitions._patience


def test_whatever_part_fails_is_what_the_worker_ended_by() -> None:
    """An error in one of Faust's own parts is kept as the app's are, and the time to end runs."""

    async def failing() -> None:
        settings = {"sources": [{"topic": "events"}]}
        app = build_app(Project.model_validate(settings), BrokerAccess("127.0.0.1:1"))
        ending = asyncio.Event()
        app.ending = ending.set
        error = ValueError("a fault")
        await Service(beacon=app.beacon).crash(error)
        assert app.failure is error
        assert ending.is_set()

    asyncio.run(failing())
