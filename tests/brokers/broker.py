"""What the tests may ask of a broker, whichever it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


class BrokerMissingError(Exception):
    """A kind of broker can not be had here; the message says why."""


class Broker(Protocol):
    """A running broker of one node; it keeps its address and data from start to start."""

    @property
    def name(self) -> str:
        """What it is, for people."""

    @property
    def bootstrap(self) -> str:
        """The address for a client's `bootstrap_servers`."""

    @property
    def ours(self) -> bool:
        """Whether the tests started it, and so may stop it."""

    @property
    def full(self) -> bool:
        """Whether it is to keep the laws of FullBrokerContract, and those of other Kafkas."""

    def start(self) -> None:
        """Start it again after `kill`, on the same data."""

    def restart(self) -> None:
        """Stop it in good order and start it on the same data; answers on return."""

    def kill(self) -> None:
        """End it at once, as a power failure would."""

    def freeze(self) -> None:
        """Let it stand still, connections open."""

    def thaw(self) -> None:
        """Let it go on."""


@dataclass(frozen=True)
class BrokerByAddress:
    """A broker that someone else runs: it is used and left as it is."""

    bootstrap: str
    name: str = "the Kafka of JOURNEYSTREAM_TEST_KAFKA"
    ours: bool = False
    full: bool = True

    def start(self) -> None:
        """Refuse."""
        raise BrokerMissingError(f"{self.bootstrap} is not ours to start")

    def restart(self) -> None:
        """Refuse."""
        raise BrokerMissingError(f"{self.bootstrap} is not ours to restart")

    def kill(self) -> None:
        """Refuse."""
        raise BrokerMissingError(f"{self.bootstrap} is not ours to kill")

    def freeze(self) -> None:
        """Refuse."""
        raise BrokerMissingError(f"{self.bootstrap} is not ours to freeze")

    def thaw(self) -> None:
        """Refuse."""
        raise BrokerMissingError(f"{self.bootstrap} is not ours to thaw")


def wait_until_ready(bootstrap: str, seconds: float, alive: Callable[[], bool]) -> bool:
    """Say whether an admin client finds the broker in its own cluster within `seconds`.

    An open port is not enough: a node serves nobody before its controller lets it.
    Returns early when it is no longer `alive`.
    """
    admin = AdminClient(
        # log_level 2: refused connections are what is waited out here, no news.
        {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 100, "log_level": 2}
    )
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        try:
            if admin.list_topics(timeout=1).brokers:
                return True
        except KafkaException:
            continue
    return False
