"""Dead letters read back: what each is, and whether it is to be produced again.

Law: a record that is produced again has its key, bytes, partition and time. One whose time was
none of this world (`bad_record_time`) gets the time of the replay, or it could never succeed.

What can not be produced again is passed over, whatever is asked for: records that are no
letters of ours, letters of topics that the project does not read, letters without a value,
which never can be events (and would delete in a compacted topic), and letters of records that
are older than their topic keeps any: Kafka might delete them before a worker has read them.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from journeystream.durations import parse_instant


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter; `at` is when its record was produced, as ISO 8601."""

    code: str
    text: str
    topic: str
    partition: int
    offset: int
    at: str
    key: bytes | None
    value: bytes | None

    @property
    def timestamp_ms(self) -> int | None:
        """The time to give to the record; None for the present."""
        millis = parse_instant(self.at) // 1_000
        return None if self.code == "bad_record_time" or millis < 0 else millis


def read_letter(value: bytes | None) -> Letter | None:
    """Read a record of the dead-letter topic; None if it is no letter of ours."""
    try:
        found = orjson.loads(value or b"")
        error, origin = found["error"], found["origin"]
        parse_instant(origin["timestamp"])
        return Letter(
            code=str(error["code"]),
            text=str(error["text"]),
            topic=str(origin["topic"]),
            partition=int(origin["partition"]),
            offset=int(origin["offset"]),
            at=origin["timestamp"],
            key=_bytes(found["key"]),
            value=_bytes(found["value"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are asked for: of these codes and topics, or of all where none is named.

    `origins` are the topics that the project reads, with their partitions; `kept_since` says of
    those that delete by time which records (milliseconds) they still keep.
    """

    origins: Mapping[str, int]
    kept_since: Mapping[str, int] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()

    def takes(self, letter: Letter | None) -> bool:
        """Tell whether a letter is to be produced again."""
        return (
            letter is not None
            and self.obstacle(letter) is None
            and (not self.codes or letter.code in self.codes)
            and (not self.topics or letter.topic in self.topics)
        )

    def obstacle(self, letter: Letter | None) -> str | None:
        """Say why a letter can not be produced again, whatever is asked for."""
        if letter is None:
            return "no dead letter of journeystream"
        if not 0 <= letter.partition < self.origins.get(letter.topic, 0):
            return f"from {letter.topic}/{letter.partition}, which this project does not read"
        if letter.value is None:
            return "without a value, which never can be an event"
        at = letter.timestamp_ms
        if at is not None and at < self.kept_since.get(letter.topic, at):
            return (
                f"older than topic {letter.topic!r} keeps any (raise its retention.ms, replay, "
                f"and put it back)"
            )
        return None


@dataclass(slots=True)
class Kind:
    """The letters of one code and source topic; `example` is the newest that was read."""

    example: Letter
    first: str
    last: str
    count: int = 0

    def add(self, letter: Letter) -> None:
        """Count a letter."""
        self.example = letter
        self.count += 1
        self.first, self.last = min(self.first, letter.at), max(self.last, letter.at)


@dataclass(slots=True)
class Survey:
    """The letters that were not replayed yet, and where those lie that are asked for."""

    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)
    wanted: dict[tuple[str, str], Kind] = field(default_factory=dict)
    obstacles: Counter[str] = field(default_factory=Counter)
    starts: dict[TopicPartition, int] = field(default_factory=dict)
    until: dict[TopicPartition, int] = field(default_factory=dict)

    def add(self, record: ConsumerRecord, wanted: Wanted) -> None:
        """Take in a record of the topic."""
        letter = read_letter(record.value)
        if (obstacle := wanted.obstacle(letter)) is not None:
            self.obstacles[obstacle] += 1
        if letter is not None:
            _count(self.kinds, letter)
        if letter is not None and wanted.takes(letter):
            _count(self.wanted, letter)
            self.until[TopicPartition(record.topic, record.partition)] = record.offset + 1

    @property
    def asked_for(self) -> int:
        """How many letters are to be produced again."""
        return sum(kind.count for kind in self.wanted.values())

    @property
    def left(self) -> int:
        """How many letters are not."""
        return sum(kind.count for kind in self.kinds.values()) - self.asked_for


def _count(kinds: dict[tuple[str, str], Kind], letter: Letter) -> None:
    kinds.setdefault((letter.code, letter.topic), Kind(letter, letter.at, letter.at)).add(letter)


def _bytes(base64: str | None) -> bytes | None:
    return None if base64 is None else b64decode(base64, validate=True)
