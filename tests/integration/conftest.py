"""Worlds for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.integration.world import World

MakeWorld = Callable[..., World]


@pytest.fixture
def moving_partitions(kafka_broker: Broker) -> None:
    """Ask for a broker whose groups settle when workers join and leave under load."""
    if not kafka_broker.full:
        pytest.skip("the embedded broker's groups do not settle under load; needs Apache Kafka")


@pytest.fixture
def refusing_topics(kafka_broker: Broker) -> None:
    """Ask for a broker that refuses records for a topic that is not there."""
    if not kafka_broker.full:
        pytest.skip("the embedded broker creates topics that are missing; needs Apache Kafka")


@pytest.fixture
def fencing(kafka_broker: Broker) -> None:
    """Ask for a broker on which whoever begins a transaction ends that of whoever began before."""
    if not kafka_broker.full:
        pytest.skip("the embedded broker loses changes of two who make them at once; needs Kafka")


@pytest.fixture
def own_broker(kafka_broker: Broker) -> Broker:
    """Return the session's broker, if it is ours to stop."""
    if not kafka_broker.ours:
        pytest.skip(f"{kafka_broker.name} is not ours to stop")
    return kafka_broker


@pytest.fixture
def make_world(kafka: str, tmp_path: Path) -> MakeWorld:
    """Make a world on the session's broker."""

    def make(**options: object) -> World:
        return World(tmp_path, kafka, **options)  # type: ignore[arg-type]

    return make
