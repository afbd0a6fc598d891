"""Faust's Kafka transport, handing over one fetched batch per partition as one event.

Faust spends some 100 microseconds on each message that it hands to an agent; a batch as one
message keeps agents, assignment and rebalances and takes that cost once per fetch. This file
overrides private parts of faust-streaming 0.15 (`_getmany`, `_to_message`, `_commit`, and the
consumer thread), sets how long, and for how much, aiokafka's fetcher lets a broker wait, and takes
its records before it makes them larger, which is why pyproject.toml pins their versions.

Two laws beyond Faust's own:

* A partition is fetched only while its processor has room, so that nothing piles up.
* Faust commits no offsets: they travel in the transactions of `commit.py`; where there are none,
  `tell_offsets` is asked to.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import faust
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.threads import ServiceThread, WorkerThread

from journeystream.agents.batch import Batch, Record
from journeystream.agents.fetch_wait import QUIET, Pace
from journeystream.agents.telling import Offsets
from journeystream.broker_access import BrokerAccess, ConsumerClient

_IDLE_SECONDS = 0.1  # how long a fetch waits; bounds how late a lone marker is noticed
_FULL_SECONDS = 0.01  # the same while some partition has no room and may get it any time
_LOOK_SECONDS = 1.0  # while a rebalance goes on
_METADATA_MS = 5_000
_FETCH_BYTES = 4 * 1024 * 1024  # per partition and fetch: the size of a batch under load
# The most of small records: a turn holds up everything else that the worker does, and one user's
# event may take a millisecond.
_FETCH_RECORDS = 10_000


class _AsRead(PartitionRecords):  # type: ignore[misc]  # it has no types
    """Hands on what the protocol's parser, in C, has read.

    To make a ConsumerRecord of eleven fields of each would cost half a microsecond.
    """

    def __iter__(self) -> Iterator[Record]:
        records: Iterator[Record] = self._records_iterator
        return records

    def _consumer_record(self, tp: TP, record: Record) -> Record:
        del tp
        return record


class _Fetched(OrderedDict[TP, Any]):
    """What aiokafka has fetched, by partition, to be handed on as it was read."""

    def __setitem__(self, tp: TP, result: Any) -> None:  # noqa: ANN401  a FetchResult or -Error
        records = getattr(result, "_partition_records", None)
        if records is not None:
            records.__class__ = _AsRead
        super().__setitem__(tp, result)


class _Place(NamedTuple):
    """Where a consumer stands; `since` is another object once it stands there anew."""

    position: int
    since: object


class DaemonThread(WorkerThread):
    """A thread that the process need not wait for: it may be waiting for a broker that is gone."""

    def __init__(self, service: ServiceThread, **options: Any) -> None:  # noqa: ANN401  Faust's
        super().__init__(service, **options)
        self.daemon = True


class BatchConsumerThread(AIOKafkaConsumerThread):
    """The consumer, in a thread and loop of its own as Faust has it."""

    Worker = DaemonThread

    def __post_init__(self) -> None:
        super().__post_init__()
        self._handed: dict[TP, int] = {}
        self._generation: object = None
        self._pace = Pace()

    def _create_worker_consumer(self, transport: Transport) -> ConsumerClient:
        del transport  # it knows where Kafka is, but not how to get in
        conf = self.app.conf
        self._assignor = self.app.assignor
        bootstrap: BrokerAccess = cast("Any", self.app).bootstrap
        return bootstrap.consumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=QUIET.ms,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            # A broker that has just started may not know its topics yet; who leads the group then
            # assigns nothing, and looks again only when the metadata is too old.
            metadata_max_age_ms=_METADATA_MS,
            # What an aborted transaction of ours or of a producer left behind never happened.
            isolation_level="read_committed",
        )

    async def on_thread_stop(self) -> None:
        """Leave the group when no partition is in a turn any more.

        Where one partition has failed, this thread hears of it while others are in theirs.
        """
        ending = cast("Any", self.app).partitions.stop()
        try:
            stopping = asyncio.run_coroutine_threadsafe(ending, self.parent_loop)
        except RuntimeError:  # that loop is closed, and nothing runs in it
            ending.close()
        else:
            await asyncio.wait((asyncio.wrap_future(stopping),))
        await super().on_thread_stop()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        del offsets
        return True

    def look(self) -> None:
        """Let aiokafka know that somebody is there, though nothing may be to fetch."""
        if self._consumer is not None:
            self._consumer._subscription._last_fetch_ended = time.monotonic()  # noqa: SLF001

    async def tell_offsets(self, offsets: Offsets) -> None:
        """Commit offsets for those who watch lag.

        Not by the thread's queue of calls: fetches would wait for it there. A rebalance may refuse
        the offsets, and a thread that has ended can not take them: no harm.
        """
        commit = self._commit_offsets(offsets)
        try:
            telling = asyncio.run_coroutine_threadsafe(commit, self.thread_loop)
        except RuntimeError:
            commit.close()
            return
        told = asyncio.wrap_future(telling)
        try:
            await asyncio.wait((told,))
        finally:
            told.cancel()
        if not told.cancelled():
            told.result()

    async def _commit_offsets(self, offsets: Offsets) -> None:
        with contextlib.suppress(KafkaError, RuntimeError):
            await self._ensure_consumer().commit(dict(offsets))

    async def _fetch_records(
        self,
        consumer: ConsumerClient,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  Faust's signature
        max_records: int | None = None,
    ) -> dict[TP, list[Batch]]:
        if self._generation != self.app.consumer_generation_id:
            # What was handed over before a rebalance may have been dropped in it.
            self._generation = self.app.consumer_generation_id
            self._handed.clear()
        before = self._places(consumer, active_partitions)
        self._take_as_read(consumer)
        most = max_records or _FETCH_RECORDS
        fetched = await super()._fetch_records(consumer, active_partitions, timeout, most)
        self._set_wait(consumer, sum(map(len, fetched.values())))
        assignment = _assignment_of(consumer)
        news = {
            tp: place
            for tp, place in self._places(consumer, active_partitions).items()
            if tp in fetched or self._handed.get(tp) != place.position
        }
        starts = await self._starts(consumer, before, news)
        if _assignment_of(consumer) is not assignment:
            return {}  # a rebalance has passed meanwhile: this is read again by whoever has it now
        batches: dict[TP, list[Batch]] = {}
        for tp, (position, _) in news.items():
            self._handed[tp] = position
            records = fetched.get(tp, [])
            # It may have been sent back while the fetch waited.
            start = min(starts[tp], records[0].offset if records else position)
            batches[tp] = [Batch(tp.topic, tp.partition, records, start, position)]
        return batches

    async def _starts(
        self, consumer: ConsumerClient, before: Mapping[TP, _Place], after: Mapping[TP, _Place]
    ) -> dict[TP, int]:
        """Return from where on nothing but what was read is in each partition.

        That is where the consumer stood, or, where it stands anew, where the partition begins:
        where retention has overtaken it aiokafka goes on there, and tells nobody.
        """
        starts = {
            tp: place.position
            for tp, place in before.items()
            if tp in after and place.since is after[tp].since
        }
        anew = [tp for tp in after if tp not in starts]
        begins: Mapping[TP, int] = {}
        if anew:
            with contextlib.suppress(KafkaError):
                begins = await consumer.beginning_offsets(anew)
        return {**starts, **{tp: begins.get(tp, 0) for tp in anew}}

    def _take_as_read(self, consumer: ConsumerClient) -> None:
        """Let what is fetched be handed on as it was read."""
        fetcher = consumer._fetcher  # noqa: SLF001
        if not isinstance(fetcher._records, _Fetched):  # noqa: SLF001
            fetcher._records = _Fetched(fetcher._records)  # noqa: SLF001

    def _set_wait(self, consumer: ConsumerClient, events: int) -> None:
        """Set how long brokers wait from the next fetch on, and for how much."""
        fetcher = consumer._fetcher  # noqa: SLF001
        fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes = self._pace.wait(  # noqa: SLF001
            time.monotonic(), events
        )

    def _places(self, consumer: ConsumerClient, tps: set[TP]) -> dict[TP, _Place]:
        """Return where the consumer stands in those partitions where it knows that."""
        assignment = _assignment_of(consumer)
        states = {} if assignment is None else {tp: assignment.state_value(tp) for tp in tps}
        return {
            tp: _Place(state._position, state._position_fut)  # noqa: SLF001
            for tp, state in states.items()
            if state is not None and state._position is not None  # noqa: SLF001
        }


def _assignment_of(consumer: ConsumerClient) -> Any:  # noqa: ANN401  aiokafka's
    return consumer._subscription.subscription.assignment  # noqa: SLF001


class BatchConsumer(Consumer):
    """Faust's consumer, whose messages are batches."""

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def tell_offsets(self, offsets: Offsets) -> None:
        """Commit offsets as a member of the group."""
        await cast("BatchConsumerThread", self._thread).tell_offsets(offsets)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ANN401, ASYNC109  Faust's signature
        """Return what comes next, and show that this loop is alive.

        aiokafka leaves the group, for good, when nothing was fetched for `max_poll_interval_ms`.
        That is right where this loop hangs, and wrong where there is nothing to fetch: a spare has
        no partition, and one that is being restored has no room.
        """
        thread = cast("BatchConsumerThread", self._thread)
        thread.look()
        while not (self.flow_active or self.should_stop):
            await self.wait(cast("Any", self.can_resume_flow), timeout=_LOOK_SECONDS)
            thread.look()
        return await super()._wait_next_records(timeout)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ANN401, ASYNC109  Faust's signature
        del timeout
        has_room: Callable[[TP], bool] = cast("Any", self.app).has_room
        cast("Any", self.app).fetching()
        wanted = active_partitions or set()
        roomy = {tp for tp in wanted if has_room(tp)}
        if not roomy:
            await asyncio.sleep(_FULL_SECONDS)
            return {}
        wait = _IDLE_SECONDS if len(roomy) == len(wanted) else _FULL_SECONDS
        return await self._thread.getmany(roomy, wait)

    def _to_message(self, tp: TP, record: Batch) -> ConsumerMessage:
        last = record.records[-1] if record.records else None
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.next_offset,
            last.timestamp / 1000 if last else 0.0,
            0,
            None,
            None,
            cast("Any", record),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )


class BatchTransport(Transport):
    """The transport that `app.py` gives to Faust."""

    Consumer = BatchConsumer


class BatchSchema(faust.Schema[Any, Any]):
    """Hands a batch to the agent as it is: what is inside is decoded by `decode.py`."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> Any:  # noqa: ANN401
        """Return no key: a batch has many."""
        del app, message, options

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:  # noqa: ANN401
        """Return the batch."""
        del app, options
        return message.value
