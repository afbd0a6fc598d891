"""Telling the group how far its partitions have come, beside their turns.

It is news for those who watch lag, and nothing is decided by it: positions come from the changelog,
and a consumer that begins at older ones is handed what is passed over. A consumer asks Kafka's
coordinator one thing at a time, and each answer takes 5 ms and more, because the coordinator
collects for so long before it writes (`group.coordinator.append.linger.ms` of Kafka 4). Turns that
waited for it spent 20 of the 24 ms of their commit so.

Laws: nobody waits to tell. There is one question at a time, for all partitions, of the newest
offsets. Who ends waits until all is told, if Kafka answers soon; else the rest is not told any
more, because another may have the partition then. (An old offset that came late would harm nobody:
whoever reads from there passes over what is applied.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import TopicPartition

Offsets = Mapping[TopicPartition, int]
# Seconds, of those in which a worker has to end. An answer takes some milliseconds, and whoever
# has the partition next tells it anyway.
_PATIENCE = 0.5


class Teller:
    """Tells by `put`, which returns when offsets were told, or told in vain."""

    def __init__(self, put: Callable[[Offsets], Awaitable[None]]) -> None:
        self._put = put
        self._untold: dict[TopicPartition, int] = {}
        self._telling: asyncio.Task[None] | None = None

    def tell(self, offsets: Offsets) -> None:
        """Tell offsets soon; a fault in telling those before is raised."""
        if self._telling is not None and self._telling.done():
            self._telling.result()
            self._telling = None
        self._untold.update(offsets)
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell_all())

    async def settle(self) -> None:
        """Wait, not for long, until all is told."""
        if (telling := self._telling) is None:
            return
        try:
            await asyncio.wait((telling,), timeout=_PATIENCE)
        finally:  # whoever is cut short tells nothing any more either
            if not telling.done() and self._telling is telling:
                telling.cancel()
                self._telling, self._untold = None, {}

    async def _tell_all(self) -> None:
        while self._untold:
            told, self._untold = self._untold, {}
            await self._put(told)
