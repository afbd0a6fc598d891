"""Reads a destination's topic as a destination does, and stamps what becomes readable.

librdkafka, read committed, in a process of its own. `python -m bench.listen JSON`.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from bench.processes import Command

READY = "listening"
_POLL_SECONDS = 0.2
_PATIENCE = 30.0


class Sighting(NamedTuple):
    """An Audience Entered, in microseconds since 1970.

    When it became readable; the record's own time (its millisecond's end would be fairer, its
    beginning is what is known); what it says of when it happened; when the user's event was sent.
    """

    seen: int
    written: int
    happened: int
    sent: int


@dataclass(frozen=True)
class Listening:
    """What to wait for: so many Entered, or that nothing comes for `patience` seconds."""

    bootstrap: str
    topic: str
    wanted: int
    patience: float
    file: str

    @property
    def command(self) -> Command:
        """The process that does it; it writes READY once it stands at the topic's end."""
        return Command([sys.executable, "-m", "bench.listen", json.dumps(asdict(self))])

    def sightings(self) -> list[Sighting]:
        """Return what was seen."""
        found = array("q", Path(self.file).read_bytes())
        fields = len(Sighting._fields)
        return [Sighting(*found[at : at + fields]) for at in range(0, len(found), fields)]

    def run(self) -> None:
        """Read, and keep what was seen."""
        found = array("q")
        for sighting in self._read():
            found.extend(sighting)
            if len(found) == self.wanted * len(sighting):
                break
        Path(self.file).write_bytes(found.tobytes())

    def _read(self) -> Iterator[Sighting]:
        consumer = _consumer_at_end(self.bootstrap, self.topic)
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        last = time.monotonic()
        while time.monotonic() - last < self.patience:
            # One by one: `consume` would hold records back until it has many.
            message = consumer.poll(_POLL_SECONDS)
            if message is None or message.error():
                continue
            seen = time.time_ns() // 1_000
            last = time.monotonic()
            key, value = message.key() or b"", message.value() or b""
            if b'"Audience Entered"' in value:
                happened = datetime.fromisoformat(json.loads(value)["timestamp"]).timestamp()
                yield Sighting(
                    seen,
                    message.timestamp()[1] * 1_000,
                    round(happened * 1_000) * 1_000,
                    int(key.split(b"-")[0]),
                )
        consumer.close()


def _consumer_at_end(bootstrap: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-listeners",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "log_level": 2,
        }
    )
    numbers = consumer.list_topics(topic, _PATIENCE).topics[topic].partitions
    ends = []
    for number in numbers:
        tp = TopicPartition(topic, number)
        _, end = consumer.get_watermark_offsets(tp, timeout=_PATIENCE)
        ends.append(TopicPartition(topic, number, end))
    consumer.assign(ends)
    return consumer


if __name__ == "__main__":
    Listening(**json.loads(sys.argv[1])).run()
