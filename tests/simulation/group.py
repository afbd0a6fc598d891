"""The consumer group: who has which partitions, decided anew whenever members come or go.

The protocol is eager, as Faust's: everyone is asked to give all partitions up, and waited for,
but not for ever. Who does not answer in time is thrown out and goes on as a zombie until it
hears of it; then it gives everything up and joins again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any, Protocol

from tests.simulation.process import Process

_PATIENCE = 0.6  # how long a rebalance waits for members, in seconds
_STICKY = 0.7  # how often whoever comes back gets what they had
SESSION = 0.5  # how long nothing is heard of a member before it is given up


class Member(Protocol):
    """A worker, as its group sees it."""

    process: Process

    async def revoke(self) -> None:
        """Give everything up."""

    async def assign(self, ours: list[int], standbys: list[int]) -> None:
        """Take partitions over."""


class Group:
    """Coordinates; `run` never ends."""

    def __init__(
        self, random: Random, partitions: int, standbys: int, note: Callable[[str, str], None]
    ) -> None:
        self.members: list[Member] = []
        self.rebalances = 0
        self._random = random
        self._partitions = partitions
        self._standbys = standbys
        self._note = note
        self._changed = asyncio.Event()

    def join(self, member: Member) -> None:
        """Take a member in."""
        if member not in self.members:
            self.members.append(member)
            self._changed.set()

    def leave(self, member: Member) -> None:
        """Let a member go, or give it up."""
        if member in self.members:
            self.members.remove(member)
            self._changed.set()

    def evict(self, member: Member, after: float) -> None:
        """Throw a member out; it hears of it a while `after`, and joins again."""
        self.leave(member)
        loop = asyncio.get_running_loop()
        loop.call_later(after, member.process.do, lambda: member.process.spawn(self._back(member)))

    async def run(self) -> None:
        """Rebalance whenever members have come or gone."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(0.02 + 0.1 * self._random.random())
            self._changed.clear()
            await self._rebalance()

    async def _rebalance(self) -> None:
        self.rebalances += 1
        asked = list(self.members)
        answers = [self._in(member, member.revoke) for member in asked]
        if answers:
            _, late = await asyncio.wait(answers, timeout=_PATIENCE)
            for member, answer in zip(asked, answers, strict=True):
                if answer in late and member in self.members:
                    self._note(member.process.name, "is thrown out")
                    self.evict(member, 0.3 * self._random.random())
        members = [member for member in asked if member in self.members]
        self._note("group", f"{[member.process.name for member in members]}")
        if not members:
            return
        numbers = list(range(self._partitions))
        if self._random.random() < _STICKY:
            members.sort(key=lambda member: member.process.name)
        else:
            self._random.shuffle(numbers)
        ours: list[list[int]] = [[] for _ in members]
        for index, number in enumerate(numbers):
            ours[index % len(members)].append(number)
        for index, member in enumerate(members):
            others = [number for number in range(self._partitions) if number not in ours[index]]
            standbys = others if self._standbys and self._random.random() < 0.8 else []
            self._in(member, partial(member.assign, ours[index], standbys))

    async def _back(self, member: Member) -> None:
        """Let a member that was thrown out hear of it."""
        if member in self.members:
            return
        await member.revoke()
        self.join(member)

    def _in(
        self, member: Member, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> asyncio.Future[None]:
        """Start something in a member's process; the future ends when it does, if it does."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        async def answer() -> None:
            await work()
            if not done.done():
                done.set_result(None)

        delay = 0.001 + 0.02 * self._random.random()
        loop.call_later(delay, member.process.do, lambda: member.process.spawn(answer()))
        return done
