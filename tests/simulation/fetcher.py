"""Instead of Faust's transport: fetches and hands over batches as `batch_transport.py` does.

After an assignment it stands where the group has committed. Only partitions with room are
fetched, up to the last stable offset, in batches of any size; a lone marker makes an empty
batch. A batch may come twice, the consumer may be sent back, and where it is `stale`, what was
fetched or handed over before a rebalance comes after it: the shell has to bear all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from journeystream.agents.batch import Batch
from journeystream.agents.partitions import Partitions
from tests.simulation.broker import Broker, Line
from tests.simulation.plan import Plan
from tests.simulation.process import Process

_SLOWEST = 0.12
Fetched = dict[TopicPartition, tuple[int, list[ConsumerRecord], int]]


class Fetcher:
    """The group's consumer of one worker."""

    def __init__(
        self, broker: Broker, process: Process, partitions: Partitions, plan: Plan
    ) -> None:
        self._plan = plan
        self._broker = broker
        self._process = process
        self._line = Line(process)
        self._partitions = partitions
        self._generation = 0
        self._positions: dict[TopicPartition, int | None] = {}
        self._handed: dict[TopicPartition, int] = {}
        self._old: list[Batch] = []

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        """Begin anew with other partitions."""
        self._generation += 1
        self._positions = dict.fromkeys(sorted(tps))
        self._handed.clear()
        if not self._plan.stale:
            self._old.clear()

    def reset(self) -> None:
        """Go back to where the group has committed."""
        self._positions = dict.fromkeys(self._positions)

    async def run(self) -> None:
        """Fetch and hand over, for ever."""
        random = self._broker.random
        while True:
            await asyncio.sleep(_SLOWEST * random.random())
            if self._old and random.random() < self._plan.duplicates:
                self._offer("hands over again", random.choice(self._old))
            roomy = [tp for tp in self._positions if self._partitions.has_room(TP(*tp))]
            if any(self._handed.get(tp) != self._broker.logs[tp].stable for tp in roomy):
                await self._fetch(roomy)

    async def _fetch(self, tps: list[TopicPartition]) -> None:
        generation = self._generation
        before = {tp: self._positions[tp] for tp in tps}
        most = self._broker.random.choice((1, 3, 10, 1_000))
        fetched: Fetched = await self._broker.request(
            self._line, "fetch", lambda: self._look(before, most)
        )
        if self._broker.random.random() < 0.1:
            await asyncio.sleep(self._broker.random.random() * 0.3)
        for tp, (start, records, after) in fetched.items():
            if generation != self._generation:
                if not self._plan.stale:
                    continue
            elif self._positions[tp] != before[tp]:
                continue
            else:
                self._positions[tp] = after
            if records or self._handed.get(tp) != after:
                self._handed[tp] = after
                first = records[0].offset if records else after
                batch = Batch(tp.topic, tp.partition, records, min(start, first), after)
                self._old = [*self._old[-5:], batch]
                late = generation != self._generation
                self._offer("hands over late" if late else "hands over", batch)

    def _look(self, positions: dict[TopicPartition, int | None], most: int) -> Fetched:
        """Read at the broker; who does not know where they stand begins at the group's offset."""
        fetched: Fetched = {}
        for tp, position in positions.items():
            log = self._broker.logs[tp]
            at = self._broker.group.get(tp, 0) if position is None else position
            records, after = log.read(max(at, log.begin), most)
            # The real one does not know either where it stood before its first fetch.
            fetched[tp] = (0 if position is None else max(at, log.begin), records, after)
        return fetched

    def _offer(self, how: str, batch: Batch) -> None:
        place = f"{batch.topic}/{batch.partition} {batch.start}-{batch.next_offset}"
        self._broker.note(self._process.name, how, place)
        self._partitions.offer(batch)
