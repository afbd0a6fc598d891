"""What a fetched batch means: events to apply here, records to re-key, and dead letters.

Law: every record of the batch ends in exactly one of them. A record that is keyed by another
than its user is re-keyed through the internal topic before it touches any state; a source
that promises to be keyed by user is trusted. A decision service's reply becomes a note on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord

from journeystream.agents.decode import DecodeLimits, clock_mark
from journeystream.agents.frontier import origin_of
from journeystream.agents.home import home_of
from journeystream.agents.notes import written
from journeystream.agents.quick_decode import Reads, all_are_read, quick_decode
from journeystream.errors import RejectedEvent
from journeystream.events import Answered, ClockMark, Entry, Message, Unread
from journeystream.sinks.dead_letters import Origin, dead_letter
from journeystream.sinks.records import OutRecord
from journeystream.turn import Failure

ENGINE_FAILED = "engine_failed"
TRACE_HEADERS = ("traceparent", "tracestate")  # of the W3C's Trace Context


@dataclass(slots=True)
class Intake:
    """A batch, sorted: `entries` has one place per record, None where it does not apply here.

    `refused` are the places of the records that became `letters`, `codes` say why.
    """

    entries: list[Entry] = field(default_factory=list)
    letters: list[OutRecord] = field(default_factory=list)
    rekeyed: list[OutRecord] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sorter:
    """How one topic's records are sorted. `rekey` is None where keys are trusted.

    A clock mark of a re-keyed source goes to each of the re-keying topic's `partitions`: it
    speaks for its own partition of the source, whose events may be in any of them.
    """

    limits: DecodeLimits
    dead_letters: str
    rekey: str | None = None
    partitions: int = 0

    def sort(
        self, records: list[ConsumerRecord], latest: int | None = None, reads: Reads = all_are_read
    ) -> Intake:
        """Sort a batch's records, in order; no record's time counts as later than `latest`.

        Into events that nobody `reads` it does not look (quick_decode.py).
        """
        intake = Intake()
        for record in records:
            at = record.timestamp * 1_000
            try:
                entry = quick_decode(
                    record.value, at if latest is None else min(at, latest), self.limits, reads
                )
            except RejectedEvent as error:
                intake.refused.append(len(intake.entries))
                intake.codes.append(error.code)
                intake.entries.append(None)
                intake.letters.append(self.letter(record, error.code, error.text))
                continue
            if self.rekey is None or self._is_at_home(record, entry):
                intake.entries.append(entry)
            else:
                intake.entries.append(None)
                intake.rekeyed += self._rekeyed(record, entry, self.rekey)
        return intake

    def _is_at_home(self, record: ConsumerRecord, entry: Message | Unread | ClockMark) -> bool:
        """Tell whether a record is keyed by its user, and lies where that key belongs.

        A producer with another partitioner than Kafka's own puts the same key elsewhere.
        """
        if isinstance(entry, ClockMark):
            return False
        key = entry.user_id.encode()
        return bool(record.key == key) and record.partition == home_of(key, self.partitions)

    def _rekeyed(
        self, record: ConsumerRecord, entry: Message | Unread | ClockMark, topic: str
    ) -> Iterator[OutRecord]:
        if isinstance(entry, ClockMark):
            mark = clock_mark(entry.at, origin_of(record.topic, record.partition))
            for partition in range(self.partitions):
                yield OutRecord(topic, None, mark, partition, timestamp_ms=record.timestamp)
        else:
            key = entry.user_id.encode()
            # Outside of its own topic a reply would not be known as one.
            value = written(entry) if isinstance(entry, Answered) else record.value
            # Who traces the record (tracing.py) follows it to where it is applied.
            headers = [each for each in record.headers if each[0] in TRACE_HEADERS]
            yield OutRecord(topic, key, value, timestamp_ms=record.timestamp, headers=headers)

    def letter(self, record: ConsumerRecord, code: str, text: str) -> OutRecord:
        """Return the dead letter of a record."""
        origin = Origin(record.topic, record.partition, record.offset, record.timestamp)
        return dead_letter(
            self.dead_letters, origin, record.key, record.value, code=code, text=text
        )

    def failed(self, failures: list[Failure], records: list[ConsumerRecord]) -> list[OutRecord]:
        """Return the dead letters of events that the engine could not apply."""
        return [
            self.letter(records[failure.index], ENGINE_FAILED, repr(failure.error.__cause__))
            for failure in failures
            if failure.index is not None
        ]
