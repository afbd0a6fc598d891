"""Reading the travel log: all that is committed, and nothing passed over in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.agents.travel_log import TravelLog
from journeystream.effects import Travelled
from journeystream.errors import OperatorError
from journeystream.measuring import Measuring
from journeystream.sinks.travel_log import TravelSink
from tests.strategies import START

TP = TopicPartition("travels", 0)


@dataclass
class Tape:
    """A consumer of records in memory: offset -> value; what lies before `begin` is deleted."""

    records: dict[int, ConsumerRecord]
    end: int
    begin: int = 0
    at: int = 0
    assigned: Sequence[TopicPartition] = field(default_factory=list)

    async def start(self) -> None:
        """Need nothing."""

    async def stop(self) -> None:
        """Need nothing."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Be read from there."""
        self.assigned = partitions

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go there."""
        assert partition == TP
        self.at = offset

    async def position(self, partition: TopicPartition) -> int:
        """Say where it stands."""
        assert partition == TP
        return self.at

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return what comes next; from what is deleted on it jumps to the end, as Kafka's does."""
        del partitions, timeout_ms
        if self.at < self.begin:
            self.at = self.end
        ahead = sorted(offset for offset in self.records if offset >= self.at)[:max_records]
        self.at = ahead[-1] + 1 if ahead else self.end
        return {TP: [self.records[offset] for offset in ahead]} if ahead else {}

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return where it begins now."""
        return dict.fromkeys(partitions, self.begin)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where it ends now."""
        return dict.fromkeys(partitions, self.end)

    async def committed(self, partition: TopicPartition) -> int | None:
        """Know of no group."""
        del partition
        return None


def record(offset: int) -> ConsumerRecord:
    """Return the record of a stage."""
    row = Travelled(f"u{offset}", START, "j", "J", 1, "i", "start", "start", "start")
    out = TravelSink("travels").record(row)
    return ConsumerRecord(
        *("travels", 0, offset, 0, 0, out.key, out.value, None, 0, 0),
        tuple(out.headers),
    )


def read(tape: Tape, first: int = 0, end: int | None = None) -> tuple[list[str], list[int]]:
    """Return who is told of, and up to where each stretch went."""

    async def story() -> tuple[list[str], list[int]]:
        stretches = [each async for each in log.read(0, first, at_once=3)]
        users = [row["event_id"] for each in stretches for _, row in each.rows]
        return users, [each.until for each in stretches]

    log = TravelLog("travels", {0: tape.begin}, {0: tape.end if end is None else end}, tape)
    return asyncio.run(story())


def test_a_partition_is_read_to_where_it_ended() -> None:
    """What came since is for the next time, and a marker behind the last record is passed."""
    tape = Tape({offset: record(offset) for offset in (0, 1, 3, 4, 7)}, end=9)
    assert read(tape) == (["u0", "u1", "u3", "u4", "u7"], [4, 8, 9])
    assert read(tape, first=4, end=6) == (["u4"], [6])
    assert read(tape, first=9) == ([], [])


def test_what_kafka_deletes_meanwhile_is_an_error() -> None:
    """A consumer would go on at the end, without a word."""
    tape = Tape({offset: record(offset) for offset in range(9)}, end=9)
    tape.begin = 5
    with pytest.raises(OperatorError, match="Kafka has deleted what lies before 5"):
        read(tape, first=2)


def test_records_of_others_are_counted() -> None:
    """They are no rows, and do not stop who reads."""
    tape = Tape({offset: record(offset) for offset in range(3)}, end=3)
    tape.records[1].value = b"not ours"
    log = TravelLog("travels", {0: 0}, {0: 3}, tape)
    measuring, told = Measuring(START), list[int]()
    asyncio.run(log.measure(measuring, told.append))
    assert measuring.figures().journeys[0].stages.start == 2
    assert (log.strangers, sum(told)) == (["0/1"], 3)
