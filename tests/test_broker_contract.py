"""The contract of tests/broker_contract.py, held against each broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broker_contract import BrokerContract
from tests.brokers import Broker, embedded_broker


@pytest.fixture(scope="module")
def embedded() -> Iterator[Broker]:
    """Run one embedded broker for all of its tests."""
    with embedded_broker() as broker:
        yield broker


class TestEmbeddedBroker(BrokerContract):
    """The embedded broker, on every machine."""

    @pytest.fixture
    def broker(self, embedded: Broker) -> Broker:
        """Return the embedded broker."""
        return embedded


class TestChosenBroker(BrokerContract):
    """The broker of the session: Apache Kafka wherever it can be had."""

    @pytest.fixture
    def broker(self, kafka_broker: Broker) -> Broker:
        """Return the session's broker."""
        return kafka_broker
