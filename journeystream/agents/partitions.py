"""The partitions that this worker has now: made when assigned, ended when revoked.

A partition that fails ends the worker: nothing of its turn was committed, and whoever takes
the partition next goes on from what was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from faust.types import TP

from journeystream.agents.batch_transport import Batch
from journeystream.agents.partition import Partition

_PATIENCE = 30.0  # seconds that a turn may take to end; then its transaction is left open


class Partitions:
    """Runs a processor for every partition that is assigned."""

    def __init__(
        self,
        make: Callable[[int], Partition],
        topics: Iterable[str],
        crash: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._make = make
        self._topics = frozenset(topics)
        self._crash = crash
        self._running: dict[int, tuple[Partition, asyncio.Task[None]]] = {}

    async def assign(self, tps: Iterable[TP]) -> None:
        """Start the processors of newly assigned partitions."""
        for number in sorted({tp.partition for tp in tps if tp.topic in self._topics}):
            if number not in self._running:
                partition = self._make(number)
                self._running[number] = partition, asyncio.create_task(self._run(partition))

    async def revoke(self) -> None:
        """End all processors; each finishes the turn that it is in."""
        running = list(self._running.values())
        self._running.clear()
        for partition, _ in running:
            partition.stop()
        tasks = [task for _, task in running]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def has_room(self, tp: TP) -> bool:
        """Tell whether a partition can take another batch."""
        running = self._running.get(tp.partition)
        return running is not None and running[0].has_room()

    def offer(self, batch: Batch) -> None:
        """Hand a batch to its partition; one for a partition that has gone is dropped."""
        running = self._running.get(batch.partition)
        if running is not None:
            running[0].offer(batch)

    async def _run(self, partition: Partition) -> None:
        try:
            await partition.run()
        except Exception as error:  # noqa: BLE001  whatever it is, the worker must not go on
            await self._crash(error)
