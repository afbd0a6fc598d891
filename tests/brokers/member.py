"""A member of a consumer group in a process of its own, so that it can die without a word.

`python -m tests.brokers.member CONFIG TOPIC` with librdkafka's configuration as JSON prints the
number of its partitions whenever that changes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from confluent_kafka import Consumer

ROOT = Path(__file__).parents[2]
JOIN_SECONDS = 30.0


def main() -> None:
    """Poll until killed."""
    consumer = Consumer(json.loads(sys.argv[1]))
    consumer.subscribe([sys.argv[2]])
    told = 0
    while True:
        consumer.poll(0.05)
        if len(consumer.assignment()) != told:
            told = len(consumer.assignment())
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()


@contextmanager
def doomed_member(config: Mapping[str, object], topic: str, partitions: int) -> Iterator[None]:
    """Run a member that has all partitions of the topic in the block, and is killed after it."""
    command = [sys.executable, "-m", "tests.brokers.member", json.dumps(config), topic]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        deadline = Timer(JOIN_SECONDS, child.kill)
        deadline.start()
        try:
            assert child.stdout is not None
            told = next((line for line in child.stdout if int(line) == partitions), None)
            assert told is not None, f"no {partitions} partitions within {JOIN_SECONDS} s"
            deadline.cancel()
            yield
        finally:
            deadline.cancel()
            child.kill()


def partitions_within(
    seconds: float, config: Mapping[str, str | float | bool], topic: str, wanted: int
) -> set[int]:
    """Join the group and return the partitions had once they are `wanted`, or time is up."""
    consumer = Consumer(dict(config))
    try:
        consumer.subscribe([topic])
        deadline = time.monotonic() + seconds
        while len(consumer.assignment()) < wanted and time.monotonic() < deadline:
            consumer.poll(0.05)
        return {assigned.partition for assigned in consumer.assignment()}
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
