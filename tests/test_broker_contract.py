"""The contract of tests/broker_contract.py, held against each broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broker_contract import BrokerContract, FullBrokerContract
from tests.brokers import Broker, embedded_broker


@pytest.fixture(scope="module")
def embedded() -> Iterator[Broker]:
    """Run one embedded broker for all of its tests."""
    with embedded_broker() as broker:
        yield broker


class TestEmbeddedBroker(BrokerContract):
    """The embedded broker, on every machine.

    It does not keep the laws of FullBrokerContract. Tried with noida-db 0.2.3:

    - dead member: it never ends a member's session (120 s tried, after a session of 6 s). Who
      joins after a member that died waits until the broker restarts, unless it comes with the
      dead one's `group.instance.id`. It refuses sessions shorter than 6 s.
    - abandoned transaction: it does not time transactions out; read-committed readers wait
      until a producer with the same transactional id starts.
    - open transaction over a restart: it answers the commit with success, and the records sent
      before the restart are never seen.
    - missing topic: it creates the topic.
    """

    @pytest.fixture
    def broker(self, embedded: Broker) -> Broker:
        """Return the embedded broker."""
        return embedded


class TestChosenBroker(FullBrokerContract):
    """The broker of the session: Apache Kafka wherever it can be had."""

    @pytest.fixture
    def broker(self, kafka_broker: Broker) -> Broker:
        """Return the session's broker."""
        return kafka_broker
