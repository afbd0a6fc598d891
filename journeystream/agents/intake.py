"""What a fetched batch means: events to apply here, records to re-key, and dead letters.

Law: every record of the batch ends in exactly one of them. A record that is keyed by another
than its user is re-keyed through the internal topic before it touches any state; a source
that promises to be keyed by user is trusted. A decision service's reply becomes a note on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from journeystream.agents.batch import Batch, Record
from journeystream.agents.decode import DecodeLimits, clock_mark
from journeystream.agents.frontier import origin_of
from journeystream.agents.home import home_of
from journeystream.agents.notes import written
from journeystream.agents.quick_decode import EVERYTHING, quick_decoder
from journeystream.errors import RejectedEvent
from journeystream.events import Answered, ClockMark, Entry, Message, Unread
from journeystream.journeys import Interest
from journeystream.sinks.dead_letters import Origin, dead_letter
from journeystream.sinks.records import OutRecord
from journeystream.turn import Failure
from journeystream.user import NEVER

ENGINE_FAILED = "engine_failed"
TRACE_HEADERS = ("traceparent", "tracestate")  # of the W3C's Trace Context


@dataclass(slots=True)
class Intake:
    """A batch, sorted: `entries` has one place per record, None where it does not apply here.

    `applied` are those that do, and `latest` is the latest instant of them. `refused` are the
    places of the records that became `letters`, `codes` say why.
    """

    entries: list[Entry] = field(default_factory=list)
    letters: list[OutRecord] = field(default_factory=list)
    rekeyed: list[OutRecord] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    applied: int = 0
    latest: int = NEVER


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
        self, batch: Batch, latest: int | None = None, interest: Interest = EVERYTHING
    ) -> Intake:
        """Sort a batch's records, in order; no record's time counts as later than `latest`.

        Into events of no `interest` it does not look (quick_decode.py).
        """
        intake, decoded = Intake(), quick_decoder(self.limits, interest)
        entries, newest, elsewhere = intake.entries, NEVER, 0
        for record in batch.records:
            at = record.timestamp * 1_000
            if latest is not None and at > latest:
                at = latest
            try:
                entry = decoded(record.value, at)
            except RejectedEvent as error:
                intake.refused.append(len(entries))
                intake.codes.append(error.code)
                entries.append(None)
                intake.letters.append(self.letter(batch, record, error.code, error.text))
                continue
            if self.rekey is None or self._is_at_home(batch.partition, record, entry):
                entries.append(entry)
                newest = max(newest, entry.at)
            else:
                elsewhere += 1
                entries.append(None)
                intake.rekeyed += self._rekeyed(batch, record, entry, self.rekey)
        intake.applied = len(entries) - len(intake.refused) - elsewhere
        intake.latest = newest
        return intake

    def _is_at_home(
        self, partition: int, record: Record, entry: Message | Unread | ClockMark
    ) -> bool:
        """Tell whether a record is keyed by its user, and lies where that key belongs.

        A producer with another partitioner than Kafka's own puts the same key elsewhere.
        """
        if isinstance(entry, ClockMark):
            return False
        key = entry.user_id.encode()
        return bool(record.key == key) and partition == home_of(key, self.partitions)

    def _rekeyed(
        self, batch: Batch, record: Record, entry: Message | Unread | ClockMark, topic: str
    ) -> Iterator[OutRecord]:
        if isinstance(entry, ClockMark):
            mark = clock_mark(entry.at, origin_of(batch.topic, batch.partition))
            for partition in range(self.partitions):
                yield OutRecord(topic, None, mark, partition, timestamp_ms=record.timestamp)
        else:
            key = entry.user_id.encode()
            # Outside of its own topic a reply would not be known as one.
            value = written(entry) if isinstance(entry, Answered) else record.value
            # Who traces the record (tracing.py) follows it to where it is applied.
            headers = [
                (name, said)
                for name, said in record.headers
                if name in TRACE_HEADERS and said is not None
            ]
            yield OutRecord(topic, key, value, timestamp_ms=record.timestamp, headers=headers)

    def letter(self, batch: Batch, record: Record, code: str, text: str) -> OutRecord:
        """Return the dead letter of a record."""
        origin = Origin(batch.topic, batch.partition, record.offset, record.timestamp)
        return dead_letter(
            self.dead_letters, origin, record.key, record.value, code=code, text=text
        )

    def failed(self, failures: list[Failure], batch: Batch) -> list[OutRecord]:
        """Return the dead letters of events that the engine could not apply."""
        return [
            self.letter(
                batch, batch.records[failure.index], ENGINE_FAILED, repr(failure.error.__cause__)
            )
            for failure in failures
            if failure.index is not None
        ]
