"""Following the control topic: every worker reads it to its end before it applies anything.

Law: what was published before a batch was fetched is known before the batch is applied. So
when `journeystream publish` has returned, the events that are produced after it count.

Questions (where topics begin and end) go over a connection of their own: a broker answers those of
one connection in their order, and would let each wait behind the fetch that follows the topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from journeystream.agents.cluster import Cluster, Consumer
from journeystream.agents.together import Together
from journeystream.broker_refusals import NOT_ALLOWED
from journeystream.clock import Clock
from journeystream.compiler import Workshop
from journeystream.control_log import LastRecords, Published, is_for_workers
from journeystream.errors import BrokerUnreachable
from journeystream.journeys import Journeys

_log = logging.getLogger(__name__)
_WAIT_MS = 100
_ASK_SECONDS = 1.0  # how often Kafka is asked for a sign of life when nothing else is asked


class Control:
    """The journeys as the control topic has them now."""

    def __init__(
        self, topic: str, cluster: Cluster, group: str, workshop: Workshop, clock: Clock
    ) -> None:
        self._tp = TopicPartition(topic, 0)
        self._workshop = workshop
        self._clock = clock
        self._last = LastRecords()
        self._published = Published()
        self._journeys = Journeys()
        self._position = 0
        self._changed = False
        self._recompile = False
        self._moved = asyncio.Condition()
        self._follower: asyncio.Task[None] | None = None
        self._answered: float | None = None
        self._uncommitted: Consumer | None = None
        self._opening = asyncio.Lock()
        self._cluster = cluster
        self._group = group
        self._end_now = Together(self._end)

    @property
    def known(self) -> Journeys:
        """The journeys as read so far, without asking whether there is more."""
        return self._journeys

    @property
    def published(self) -> Published:
        """What the control topic says, as read so far."""
        return self._published

    @property
    def silent_seconds(self) -> float | None:
        """How long Kafka has not answered; None if it never did."""
        answered = self._answered
        return None if answered is None else self._clock.elapsed() - answered

    async def start(self, ended: Callable[[BaseException], None] | None = None) -> None:
        """Read the topic to its end, then go on following it.

        `ended` is told the error when following ends by one.
        """
        self._consumer, self._asking = self._cluster.consumer(), self._cluster.consumer(self._group)
        try:
            await self._consumer.start()
            await self._asking.start()
        except KafkaError as error:
            await self._consumer.stop()
            await self._asking.stop()
            raise BrokerUnreachable(
                f"kafka.bootstrap: no broker answers at {self._cluster.address} ({error}); "
                f"start Kafka, or correct it"
            ) from None
        self._consumer.assign([self._tp])
        self._consumer.seek(self._tp, (await self.begins([self._tp]))[self._tp])
        self._follower = asyncio.create_task(self._follow())
        if ended is not None:
            self._follower.add_done_callback(partial(_tell_end, ended))
        await self.current()

    async def stop(self) -> None:
        """Stop following; what ended the follower, if anything did, is raised by `current`."""
        if self._follower is None:
            return
        self._follower.cancel()
        await asyncio.gather(self._follower, return_exceptions=True)
        await self._consumer.stop()
        await self._asking.stop()
        if self._uncommitted is not None:
            await self._uncommitted.stop()

    async def current(self) -> Journeys:
        """Return the journeys with everything that is published by now."""
        end = await self._end_now()  # partitions ask at the same time
        async with self._moved:
            while self._position < end:
                self._raise_if_broken()
                await self._moved.wait()
        self._raise_if_broken()
        return self._journeys

    def published_at(self, journey: str, version: int) -> int:
        """Return when a version was published."""
        return self._published.versions[journey, version].published_at

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where readable partitions end now."""
        ends: dict[TopicPartition, int] = await self._asking.end_offsets(list(tps))
        return ends

    async def written(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where partitions end now, behind what is not committed yet."""
        async with self._opening:  # partitions ask at the same time
            if self._uncommitted is None:
                consumer = self._cluster.consumer(committed=False)
                await consumer.start()
                self._uncommitted = consumer
        ends: dict[TopicPartition, int] = await self._uncommitted.end_offsets(list(tps))
        return ends

    async def begins(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where partitions begin now."""
        begins: dict[TopicPartition, int] = await self._asking.beginning_offsets(list(tps))
        return begins

    async def committed(self, tp: TopicPartition) -> int:
        """Return the offset that the workers' group has committed; 0 if none."""
        offset: int | None = await self._asking.committed(tp)
        return offset or 0

    async def _end(self) -> int:
        end = (await self._asking.end_offsets([self._tp]))[self._tp]
        self._answered = self._clock.elapsed()
        return end

    def _raise_if_broken(self) -> None:
        if self._follower is not None and self._follower.done():
            self._follower.result()

    def _is_silent(self) -> bool:
        silent = self.silent_seconds
        return silent is None or silent > _ASK_SECONDS

    async def _follow(self) -> None:
        try:
            while True:
                try:
                    await self._read_on()
                except NOT_ALLOWED:
                    raise  # Waiting would not help, and nobody would know.
                except KafkaError as error:
                    # Also when nobody else asks Kafka for anything: it may come back.
                    _log.warning("the control topic can not be read now (%r)", error)
                    await asyncio.sleep(_ASK_SECONDS)
        except Exception:
            async with self._moved:
                self._moved.notify_all()
            raise

    async def _read_on(self) -> None:
        fetched = await self._consumer.getmany(self._tp, timeout_ms=_WAIT_MS)
        records = fetched.get(self._tp, [])
        for record in records:
            self._last.take(record.key, record.value)
            self._recompile = self._recompile or is_for_workers(record.key)
        self._changed = self._changed or bool(records)
        position = await self._consumer.position(self._tp)
        if (self._changed or self._is_silent()) and position < await self._end():
            # Half of the topic may name what stands in the other half.
            return
        if self._changed:
            self._published = self._last.published()
            if self._recompile:
                self._journeys = self._published.compiled(self._workshop)
                _log.info("journeys: %s live", len(self._journeys.admitting))
            self._changed = self._recompile = False
        if position != self._position:
            async with self._moved:
                self._position = position
                self._moved.notify_all()


def _tell_end(ended: Callable[[BaseException], None], follower: asyncio.Task[None]) -> None:
    error = None if follower.cancelled() else follower.exception()
    if error is not None:
        ended(error)
