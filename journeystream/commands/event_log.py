"""The events that a simulation plays: of a file, or of a topic up to its present end.

Laws:

1. They are decoded as workers decode them (agents/decode.py). A record that is no event is counted
   and told; it stops nothing.
2. A file is one partition, in the order of its lines. Of a topic each partition keeps its order;
   of their next records the one with the earliest time comes first. A record that is keyed by
   another than its user is played in the partition that is its user's.
3. Nothing is joined and nothing committed: no worker notices.
4. A line has no time of its own as a record has: an event in a file has to say when it was.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.agents.cluster import Cluster, Consumer
from journeystream.agents.decode import DecodeLimits, decode
from journeystream.agents.home import home_of
from journeystream.broker_access import BrokerAccess
from journeystream.commands.json_lines import JsonLines
from journeystream.durations import LAST_INSTANT, iso
from journeystream.errors import RejectedEvent
from journeystream.events import ClockMark, Message
from journeystream.project import Limits, Project, Source
from journeystream.simulated import EventsRead, Refused
from journeystream.simulating import Entry
from journeystream.topics import partitions_of
from journeystream.user import NEVER

_AT_ONCE = 500  # events in a batch
_WAIT_MS = 500
Tell = Callable[[int, int | None], None]
"""Hears how much is read, of how much if that is known."""


@dataclass(frozen=True, slots=True)
class Times:
    """Which events are played: those from `since` on, and before `before`."""

    since: int = NEVER
    before: int = sys.maxsize

    def __contains__(self, at: int) -> bool:
        return self.since <= at < self.before


@dataclass(slots=True)
class EventLog:
    """Events, and what is found of them as they are read.

    `reached` is the latest instant so far, of events and clock marks. `home` says which partition
    is a user's.
    """

    limits: DecodeLimits
    times: Times = field(default_factory=Times)
    home: Callable[[str], int] = lambda _: 0
    reached: int = field(default=NEVER, init=False)
    _first: int = field(default=sys.maxsize, init=False)
    _last: int = field(default=NEVER, init=False)
    _counts: Counter[str] = field(default_factory=Counter, init=False)
    _refused: Counter[str] = field(default_factory=Counter, init=False)
    _examples: dict[str, str] = field(default_factory=dict, init=False)
    _fronts: dict[int, int] = field(default_factory=dict, init=False)

    @property
    def read(self) -> EventsRead:
        """What was read so far."""
        has_any = self._counts["events"] > 0
        return EventsRead(
            events=self._counts["events"],
            left_out=self._counts["left_out"],
            late=self._counts["late"],
            refused=tuple(
                Refused(code=code, records=count, example=self._examples[code])
                for code, count in sorted(self._refused.items())
            ),
            first=iso(self._first) if has_any else None,
            last=iso(self._last) if has_any else None,
        )

    async def of_file(self, lines: JsonLines, tell: Tell) -> AsyncGenerator[list[Entry], None]:
        """Yield a file's events, batch by batch."""
        limits = replace(self.limits, replay=True)
        batch: list[Entry] = []
        async for line in lines.lines():
            entry = self._entry(line, lines.place, LAST_INSTANT, limits)
            if entry is not None:
                batch.append(self._counted(0, entry))
            if len(batch) >= _AT_ONCE:
                tell(lines.bytes_read, lines.total_bytes)
                yield batch
                batch = []
        yield batch

    async def of_topic(
        self, source: Source, partitions: int, cluster: Cluster, tell: Tell
    ) -> AsyncGenerator[list[Entry], None]:
        """Yield a topic's events, batch by batch."""
        tps = [TopicPartition(source.topic, number) for number in range(partitions)]
        consumer = cluster.consumer()
        await consumer.start()
        try:
            batch: list[Entry] = []
            async for record in _merged(consumer, tps, tell):
                where = f"{record.topic}/{record.partition}/{record.offset}"
                entry = self._entry(record.value, where, record.timestamp * 1_000, self.limits)
                if entry is not None and source.keyed_by_user:
                    batch.append(self._counted(record.partition, entry))
                # A mark of a re-keyed source speaks for no partition of users.
                elif entry is not None and not isinstance(entry, ClockMark):
                    batch.append(self._counted(self.home(entry.user_id), entry))
                if len(batch) >= _AT_ONCE:
                    yield batch
                    batch = []
            yield batch
        finally:
            await consumer.stop()

    def _entry(
        self, value: bytes | None, where: str, record_time: int, limits: DecodeLimits
    ) -> Message | ClockMark | None:
        """Decode a record; None if it is no event, or not of the times that are asked for."""
        try:
            entry = _timed(decode(value, record_time, limits))
        except RejectedEvent as error:
            self._refused[error.code] += 1
            self._examples.setdefault(error.code, f"{where}: {error.text}")
            return None
        if entry.at in self.times:
            self.reached = max(self.reached, entry.at)
            return entry
        self._counts["left_out"] += 1
        return None

    def _counted(self, place: int, entry: Message | ClockMark) -> Entry:
        front = self._fronts.get(place, NEVER)
        self._fronts[place] = max(front, entry.at)
        if not isinstance(entry, ClockMark):
            self._first, self._last = min(self._first, entry.at), max(self._last, entry.at)
            self._counts["events"] += 1
            self._counts["late"] += entry.at < front
        return place, entry


async def log_of_topic(
    project: Project, source: Source, bootstrap: BrokerAccess, times: Times
) -> tuple[EventLog, int]:
    """Return an empty log for a topic, and how many partitions that has."""
    partitions = (await partitions_of([source.topic], bootstrap))[source.topic]
    limits = limits_of(project.limits, replay=project.time == "replay")
    return EventLog(limits, times, lambda user: home_of(user.encode(), partitions)), partitions


def limits_of(limits: Limits, *, replay: bool) -> DecodeLimits:
    """Return what is still an event."""
    return DecodeLimits(
        limits.message_bytes, limits.clock_skew_micros, limits.oldest_event_instant, replay
    )


def _timed(entry: Message | ClockMark) -> Message | ClockMark:
    if entry.at == LAST_INSTANT:
        raise RejectedEvent("no_time", "it has no `timestamp`, and lies in a file")
    return entry


async def _merged(
    consumer: Consumer, tps: list[TopicPartition], tell: Tell
) -> AsyncGenerator[ConsumerRecord, None]:
    """Yield all records up to the present end, the earliest of the partitions' next ones first."""
    begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    first, last = sum(begins.values()), sum(ends.values())
    consumer.assign(tps)
    for tp, begin in begins.items():
        consumer.seek(tp, begin)
    waiting = {tp: deque[ConsumerRecord]() for tp in tps}
    heads: list[tuple[int, TopicPartition]] = []
    hungry = list(tps)
    while hungry or heads:
        while hungry := [tp for tp in hungry if await _is_unread(consumer, tp, ends[tp])]:
            fetched = await consumer.getmany(
                *hungry, timeout_ms=_WAIT_MS, max_records=_AT_ONCE * len(hungry)
            )
            for tp, records in fetched.items():
                waiting[tp].extend(each for each in records if each.offset < ends[tp])
                if waiting[tp]:
                    heappush(heads, (waiting[tp][0].timestamp, tp))
                    hungry.remove(tp)
            tell(sum([await consumer.position(tp) for tp in tps]) - first, last - first)
        while heads and not hungry:
            _, tp = heappop(heads)
            yield waiting[tp].popleft()
            if waiting[tp]:
                heappush(heads, (waiting[tp][0].timestamp, tp))
            else:
                hungry.append(tp)


async def _is_unread(consumer: Consumer, tp: TopicPartition, end: int) -> bool:
    return await consumer.position(tp) < end
