"""Produces events at a steady rate, in a process of its own that disturbs no measuring.

A user's id begins with the microsecond at which their only event was sent, so that whoever sees
what comes of it knows when that was. `python -m bench.feed JSON`.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import Producer

from bench.processes import Command
from bench.workload import plain

_PATIENCE = 60.0
_NAP = 0.0005


@dataclass(frozen=True)
class Feed:
    """What to send: events of one name, `rate` a second for so many seconds.

    `file` is where it tells how many were sent, and in how many seconds.
    """

    bootstrap: str
    topic: str
    event: str
    rate: int
    seconds: float
    file: str

    @property
    def events(self) -> int:
        """How many events that makes."""
        return int(self.rate * self.seconds)

    @property
    def command(self) -> Command:
        """The process that does it."""
        return Command([sys.executable, "-m", "bench.feed", json.dumps(asdict(self))])

    def sent_per_second(self) -> float:
        """Return the rate that it came to."""
        count, seconds = json.loads(Path(self.file).read_text(encoding="utf-8"))
        return float(count / seconds)

    def run(self) -> None:
        """Send all; each is stamped when it is sent."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "linger.ms": 1,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        began, sent = time.perf_counter(), 0
        while sent < self.events:
            due = min(self.events, int((time.perf_counter() - began) * self.rate) + 1)
            for number in range(sent, due):
                now = time.time_ns() // 1_000
                event = plain(self.event, f"{now}-{number}", now // 1_000)
                producer.produce(self.topic, event.value, key=event.user)
            sent = due
            producer.poll(0)
            time.sleep(_NAP)
        told = [sent, time.perf_counter() - began]
        if producer.flush(_PATIENCE):
            raise TimeoutError("the broker does not take the events")
        Path(self.file).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    Feed(**json.loads(sys.argv[1])).run()
