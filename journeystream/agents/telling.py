"""Telling the group how far its partitions have come, beside their turns.

It is news for those who watch lag, and nobody goes by it: positions come from the changelog. A
consumer asks Kafka's coordinator one thing at a time, and each answer takes 5 ms and more, because
the coordinator collects for so long before it writes (`group.coordinator.append.linger.ms` of
Kafka 4). Turns that waited for it spent 20 of the 24 ms of their commit so.

Laws: nobody waits to tell. There is one question at a time, for all partitions, of the newest
offsets. Who lets go of a partition has told the last of them, if Kafka answers; later nothing is
told of it, which another has then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import TopicPartition

Offsets = Mapping[TopicPartition, int]
_PATIENCE = 2.0  # seconds; whoever has the partition next tells it anyway


class Teller:
    """Tells offsets by `tell`, which returns when they were told, or told in vain."""

    def __init__(self, tell: Callable[[Offsets], Awaitable[None]]) -> None:
        self._tell = tell
        self._untold: dict[TopicPartition, int] = {}
        self._asking: Offsets = {}
        self._answered = asyncio.Condition()
        self._telling: asyncio.Task[None] | None = None

    def tell(self, offsets: Offsets) -> None:
        """Tell offsets soon; a fault in telling those before is raised."""
        if self._telling is not None and self._telling.done():
            self._telling.result()
            self._telling = None
        self._untold.update(offsets)
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell_all())

    async def let_go(self, partition: int) -> None:
        """Wait, not for long, until all is told of a partition; forget the rest."""

        def is_told() -> bool:
            return all(tp.partition != partition for tp in (*self._untold, *self._asking))

        try:
            async with asyncio.timeout(_PATIENCE), self._answered:
                await self._answered.wait_for(is_told)
        except TimeoutError:
            self._untold = {
                tp: offset for tp, offset in self._untold.items() if tp.partition != partition
            }

    async def _tell_all(self) -> None:
        while self._untold:
            self._asking, self._untold = self._untold, {}
            try:
                await self._tell(self._asking)
            finally:
                self._asking = {}
                async with self._answered:
                    self._answered.notify_all()
