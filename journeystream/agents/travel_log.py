"""Reading the travel log: what is committed, partition by partition, up to where it ends now.

Law: nothing is passed over in silence. What Kafka deletes while it is read is an error; a record
that is none of ours is counted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from journeystream.agents.cluster import Consumer, KafkaCluster
from journeystream.broker_access import BrokerAccess
from journeystream.errors import OperatorError
from journeystream.measuring import Measuring
from journeystream.sinks.travel_log import read_row
from journeystream.topics import partitions_of
from journeystream.travel_rows import Kind, Row, travel_of

_WAIT_MS = 500
_AT_ONCE = 10_000  # records of a stretch


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows that lie before offset `until`, from where the stretch before it ended."""

    until: int
    rows: list[tuple[Kind, Row]]


@dataclass(slots=True)
class TravelLog:
    """A travel log as it is now; where each partition begins and ends."""

    topic: str
    begins: dict[int, int]
    ends: dict[int, int]
    consumer: Consumer
    strangers: list[str] = field(default_factory=list)
    """Where records lie that are none of ours."""

    @property
    def size(self) -> int:
        """How many offsets there are."""
        return sum(self.ends.values()) - sum(self.begins.values())

    async def read(
        self, partition: int, first: int, at_once: int = _AT_ONCE, user: str | None = None
    ) -> AsyncGenerator[Stretch, None]:
        """Yield a partition from an offset to its end, in stretches of some records at most.

        With a `user`, of theirs only.
        """
        key = None if user is None else user.encode()
        tp, end = TopicPartition(self.topic, partition), self.ends[partition]
        if first >= end:
            return
        self.consumer.assign([tp])
        self.consumer.seek(tp, first)
        while first < end:
            fetched = await self.consumer.getmany(tp, timeout_ms=_WAIT_MS, max_records=at_once)
            records = [record for record in fetched.get(tp, ()) if record.offset < end]
            # Markers of transactions take offsets too, and are never shown.
            until = min(await self.consumer.position(tp), end)
            if until == first:
                continue
            if not records or records[0].offset > first:
                await self._check_kept(tp, first)
            rows = []
            for record in records:
                if key is not None and record.key != key:
                    continue
                try:
                    rows.append(read_row(record.value, record.headers))
                except ValueError:
                    self.strangers.append(f"{partition}/{record.offset}")
            yield Stretch(until, rows)
            first = until

    async def measure(self, measuring: Measuring, tell: Callable[[int], None]) -> None:
        """Let all that is there be measured; `tell` hears of how many offsets that was."""
        for partition, begin in self.begins.items():
            done = begin
            async with aclosing(self.read(partition, begin)) as stretches:
                async for stretch in stretches:
                    for kind, row in stretch.rows:
                        measuring.add(travel_of(kind, row))
                    tell(stretch.until - done)
                    done = stretch.until

    async def _check_kept(self, tp: TopicPartition, first: int) -> None:
        """Refuse to go on where records were deleted; offsets may be missing for other reasons."""
        begins = await self.consumer.beginning_offsets([tp])
        if begins[tp] > first:
            raise OperatorError(
                f"{tp.topic}/{tp.partition}: Kafka has deleted what lies before {begins[tp]} while "
                f"it was read from {first} on; raise the topic's retention.ms, then try again"
            )


@asynccontextmanager
async def travel_log(topic: str, bootstrap: BrokerAccess) -> AsyncIterator[TravelLog]:
    """Give a travel log to be read; no group is joined, and nobody is disturbed."""
    partitions = (await partitions_of([topic], bootstrap))[topic]
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    consumer = KafkaCluster(bootstrap).consumer()
    await consumer.start()
    try:
        begins = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        yield TravelLog(
            topic,
            {tp.partition: begins[tp] for tp in tps},
            {tp.partition: ends[tp] for tp in tps},
            consumer,
        )
    finally:
        await consumer.stop()
