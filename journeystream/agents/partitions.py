"""The partitions that this worker has now: made when assigned, ended when revoked.

Law: when the group hears that partitions are given up, they have ended, whoever asked for it first.

A partition that fails ends the worker: nothing of its turn was committed, and whoever takes
the partition next goes on from what was. A standby that fails is only missed: it is told, and
tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka.errors import IllegalOperation, KafkaError
from faust.types import TP

from journeystream.agents.batch import Batch
from journeystream.agents.partition import Partition
from journeystream.agents.standby import Standby
from journeystream.broker_refusals import NOT_ALLOWED
from journeystream.errors import BrokerUnreachable
from journeystream.worker_log import about

_log = logging.getLogger(__name__)
_AGAIN_SECONDS = 5.0  # between two tries to stand by


class Partitions:
    """Runs a processor for every partition that is assigned, and a replica where we stand by.

    A turn that is told to end may take `patience` seconds; then its transaction is left open.
    """

    def __init__(
        self,
        make: Callable[[int], Partition],
        stand_by: Callable[[int], Standby],
        crash: Callable[[BaseException], Awaitable[None]],
        patience: float,
    ) -> None:
        self._make = make
        self._stand_by = stand_by
        self._crash = crash
        self._patience = patience
        self._running: dict[int, tuple[Partition, asyncio.Task[None]]] = {}
        self._standbys: dict[int, asyncio.Task[None]] = {}
        self._ending = asyncio.Lock()
        self._is_over = False

    @property
    def running(self) -> Mapping[int, Partition]:
        """The partitions that are ours."""
        return {number: partition for number, (partition, _) in self._running.items()}

    @property
    def standing_by(self) -> list[int]:
        """The partitions of others whose state is followed here."""
        return sorted(self._standbys)

    async def assign(self, ours: Iterable[int], standbys: Iterable[int] = ()) -> None:
        """Start the processors of newly assigned partitions, and follow those stood by for.

        A worker that ends takes nothing more, though its group may go on giving.
        """
        wanted = set(standbys).difference(ours)
        await self._end_standbys(set(self._standbys) - wanted)
        if self._is_over:
            return
        for number in sorted(set(ours) - set(self._running)):
            partition = self._make(number)
            self._running[number] = partition, asyncio.create_task(self._run(partition))
        for number in sorted(wanted - set(self._standbys)):
            self._standbys[number] = asyncio.create_task(self._follow(number))

    async def revoke(self) -> None:
        """End all processors; each finishes the turn that it is in."""
        # A group may ask while the worker ends: what it takes must have ended for it, too.
        async with self._ending:
            running = list(self._running.values())
            self._running.clear()
            for partition, _ in running:
                partition.stop()
            tasks = [task for _, task in running]
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=self._patience)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def stop(self) -> None:
        """End everything, for good."""
        self._is_over = True
        await self.revoke()
        await self._end_standbys(set(self._standbys))

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
            with about(partition.number):
                await partition.run()
        except NOT_ALLOWED as error:
            await self._crash(error)
        except (KafkaError, IllegalOperation) as error:
            failure = BrokerUnreachable(
                f"partition {partition.number}: Kafka refused ({error!r}). If another worker has "
                f"the partition now, that is all; if not, look after Kafka"
            )
            failure.__cause__ = error
            await self._crash(failure)
        except Exception as error:  # noqa: BLE001  whatever it is, the worker must not go on
            await self._crash(error)

    async def _follow(self, number: int) -> None:
        while True:
            try:
                with about(number):
                    await self._stand_by(number).run()
            except Exception:  # noqa: BLE001  whatever it is, the worker can do without
                _log.exception("partition %s: standing by failed; tried again", number)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _end_standbys(self, numbers: Iterable[int]) -> None:
        tasks = [self._standbys.pop(number) for number in numbers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
