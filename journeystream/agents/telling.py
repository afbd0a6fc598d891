"""Telling the group how far its partitions have come: one question for all who wait.

A consumer asks Kafka's coordinator one thing at a time, and each answer takes 5 ms and more,
because the coordinator collects for so long before it writes (`group.coordinator.append.linger.ms`
of Kafka 4). Partitions that told one after another waited for each other: with four of them that
was 20 of the 22 ms of a commit.

Laws: when `tell` returns the offsets were told, by this call or by one that waited beside it, or
told in vain. Whoever is cancelled takes no offsets of others away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import TopicPartition

Offsets = Mapping[TopicPartition, int]
TellOffsets = Callable[[Offsets], Awaitable[None]]


class Teller:
    """Gathers offsets while others are being told."""

    def __init__(self, tell: TellOffsets) -> None:
        self._tell = tell
        self._untold: dict[TopicPartition, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def tell(self, offsets: Offsets) -> None:
        """Tell offsets, and all that wait to be told."""
        self._untold.update(offsets)
        async with self._one_at_a_time:
            told, self._untold = self._untold, {}
            if not told:
                return  # somebody has told ours
            try:
                await self._tell(told)
            except asyncio.CancelledError:
                others = {tp: offset for tp, offset in told.items() if tp not in offsets}
                self._untold = {**others, **self._untold}
                raise
