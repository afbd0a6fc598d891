"""Reading a partition's topics again, for versions that use history.

Laws:

1. History ends where the partition had applied its topics when it learned of the version. What
   lies behind is applied as it comes; so each event counts once for it.
2. No batch is applied before history is read: what a version knows never depends on how long that
   took. The partition stands still meanwhile, and tells how much is left.
3. How far it came is committed with what was learnt. A worker that dies goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiokafka import TopicPartition

from journeystream import metrics
from journeystream.agents.batch import Batch
from journeystream.agents.cluster import Cluster, Consumer
from journeystream.agents.intake import Sorter
from journeystream.events import Erased, Event
from journeystream.state.codec import Reading

_log = logging.getLogger(__name__)
_AT_ONCE = 5_000  # records per turn
_WAIT_MS = 200
_TELL_EVERY = 100_000  # records between two lines of progress


class History:
    """What the topics of one partition still hold; `sorters` has an entry for each topic."""

    def __init__(self, number: int, cluster: Cluster, sorters: Mapping[str, Sorter]) -> None:
        self._number = number
        self._cluster = cluster
        self._sorters = sorters
        self._consumer: Consumer | None = None
        self._read = 0

    async def events(self, reading: Reading) -> list[Event | Erased] | None:
        """Return what comes next, and move the reading on; None when all is read."""
        for topic, until in reading.until.items():
            if reading.positions[topic] < until:
                return await self._some(topic, reading)
        return None

    async def close(self) -> None:
        """Let go of the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _some(self, topic: str, reading: Reading) -> list[Event | Erased]:
        tp, until = TopicPartition(topic, self._number), reading.until[topic]
        if self._consumer is None:
            self._consumer = self._cluster.consumer()
            await self._consumer.start()
        consumer = self._consumer
        consumer.assign([tp])
        begin = (await consumer.beginning_offsets([tp]))[tp]
        # What its retention has taken away is gone.
        consumer.seek(tp, max(reading.positions[topic], begin))
        fetched = await consumer.getmany(tp, timeout_ms=_WAIT_MS, max_records=_AT_ONCE)
        records = [record for record in fetched.get(tp, []) if record.offset < until]
        start, end = reading.positions[topic], min(await consumer.position(tp), until)
        reading.positions[topic] = end
        self._tell(reading, len(records))
        batch = Batch(topic, self._number, records, start, end)
        entries = self._sorters[topic].sort(batch).entries
        return [entry for entry in entries if isinstance(entry, Event | Erased)]

    def _tell(self, reading: Reading, records: int) -> None:
        left = sum(until - reading.positions[topic] for topic, until in reading.until.items())
        metrics.HISTORY_LEFT.labels(self._number).set(left)
        told, self._read = self._read // _TELL_EVERY, self._read + records
        if self._read // _TELL_EVERY > told or not left:
            _log.info(
                "partition %s: read %s records of its history, %s left",
                self._number,
                self._read,
                left,
            )
