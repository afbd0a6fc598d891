"""The broker of a test session: the best that can be had here.

In this order: the address in JOURNEYSTREAM_TEST_KAFKA, Apache Kafka in Docker, Apache Kafka on
the local JDK, the embedded broker. Which one it is, and why not one before it, is told in one
line, because a pass on the embedded broker says less than a pass on Apache Kafka.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.brokers.apache import apache_broker
from tests.brokers.broker import Broker, BrokerByAddress, BrokerMissingError
from tests.brokers.docker import docker_broker
from tests.brokers.embedded import embedded_broker

ADDRESS_VARIABLE = "JOURNEYSTREAM_TEST_KAFKA"

__all__ = ["ADDRESS_VARIABLE", "Broker", "BrokerMissingError", "choose_broker", "embedded_broker"]


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")


@contextmanager
def choose_broker(tell: Callable[[str], None] = _to_stdout) -> Iterator[Broker]:
    """Run the best broker that can be had here until the block ends."""
    with ExitStack() as running:
        broker, passed_over = _first(running)
        reasons = f" ({'; '.join(passed_over)})" if passed_over else ""
        tell(f"test broker: {broker.name}, {broker.bootstrap}{reasons}")
        yield broker


def _first(running: ExitStack) -> tuple[Broker, list[str]]:
    address = os.environ.get(ADDRESS_VARIABLE)
    if address:
        return BrokerByAddress(address), []
    passed_over: list[str] = []
    for candidate in (docker_broker, apache_broker):
        try:
            return running.enter_context(candidate()), passed_over
        except BrokerMissingError as error:
            passed_over.append(str(error))
    return running.enter_context(embedded_broker()), passed_over
