"""What a fetched batch means: events to apply here, records to re-key, and dead letters.

Law: every record of the batch ends in exactly one of them. A record that is keyed by another
than its user is re-keyed through the internal topic before it touches any state; a source
that promises to be keyed by user is trusted. A decision service's reply becomes a note on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

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
_NOWHERE = -1
TRACE_HEADERS = ("traceparent", "tracestate")  # of the W3C's Trace Context


@dataclass(slots=True)
class Intake:
    """A batch, sorted: `entries` has one place per record, None where nothing is to be done here.

    `latest` is the latest instant of what applies here. `refused` are the places of the records
    that became `letters`, `codes` say why. So many were `moved` to their user's partition.
    """

    entries: list[Entry] = field(default_factory=list)
    letters: list[OutRecord] = field(default_factory=list)
    rekeyed: list[OutRecord] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    moved: int = 0
    latest: int = NEVER

    @property
    def applied(self) -> int:
        """How many records apply here."""
        return len(self.entries) - len(self.refused) - self.moved

    def refuse(self, place: int, code: str, letter: OutRecord) -> None:
        """Note a record that is no event."""
        self.refused.append(place)
        self.codes.append(code)
        self.letters.append(letter)

    def mark(self, place: int, at: int) -> None:
        """Let the clock come to an instant at a place, if it is one."""
        if place != _NOWHERE:
            self.entries[place] = ClockMark(at)


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

        Into events of no `interest` it does not look (quick_decode.py). Where nobody has to know
        whose they are, all that such events do is to move the clock: a run of them is one mark,
        before the next entry, or none if others were as late before.
        """
        if self.rekey is not None:
            interest = replace(interest, strangers=True)  # to be sent to where they belong
        intake = Intake([None] * len(batch.records))
        decoded, entries = quick_decoder(self.limits, interest), intake.entries
        newest, unmarked = NEVER, _NOWHERE
        for index, record in enumerate(batch.records):
            at = record.timestamp * 1_000
            if latest is not None and at > latest:
                at = latest
            try:
                entry = decoded(record.value, at)
            except RejectedEvent as error:
                letter = self.letter(batch, record, error.code, error.text)
                intake.refuse(index, error.code, letter)
                continue
            if isinstance(entry, int):
                if entry > newest:
                    newest, unmarked = entry, index
            elif self.rekey is None or self._is_at_home(batch.partition, record, entry):
                intake.mark(unmarked, newest)
                unmarked = _NOWHERE
                entries[index] = entry
                intake.latest = max(intake.latest, entry.at)
                if not isinstance(entry, ClockMark):  # it may speak for another origin
                    newest = max(newest, entry.at)
            else:
                intake.moved += 1
                intake.rekeyed += self._rekeyed(batch, record, entry, self.rekey)
        intake.mark(unmarked, newest)
        intake.latest = max(intake.latest, newest)
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
