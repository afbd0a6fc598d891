"""Why Kafka refuses, in words that name the setting to change."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from journeystream.broker_access import BrokerAccess
from journeystream.broker_refusals import refusal, said_of, why
from journeystream.broker_tokens import TokenRefused
from journeystream.embedded_broker import free_port
from journeystream.errors import BrokerUnreachable

_US = BrokerAccess("k:1", "jane")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            SaslAuthenticationFailed("Invalid username\nor password"),
            "kafka.security: the broker at k:1 does not let jane in (",
        ),
        (UnsupportedSaslMechanismError("only PLAIN"), "kafka.security.mechanism: the broker at"),
        (ssl.SSLCertVerificationError(), "kafka.security.ca_file: the certificate of the broker"),
        (ssl.SSLError("WRONG_VERSION"), "kafka.security: the broker at k:1 and we find no common"),
        (KafkaConnectionError("closed"), "kafka.security.protocol: the broker at k:1 ends the"),
        (TokenRefused("no token {here}"), "no token {here}"),
    ],
)
def test_a_refusal_names_the_setting(error: Exception, told: str) -> None:
    """What is to be changed comes first; all of it is one line."""
    said = why(error, "k:1", _US)
    assert said is not None
    assert said.startswith(told)
    assert "\n" not in said


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), OSError()])
def test_an_error_that_tells_nothing_is_no_refusal(error: Exception) -> None:
    """Where nobody answers, nobody refuses."""
    assert why(error, "k:1", _US) is None


def test_where_nobody_listens_the_address_is_told() -> None:
    """Each broker is asked once more before it is said that none answers."""
    address = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    told = asyncio.run(refusal(BrokerAccess(address), KafkaConnectionError()))
    assert isinstance(told, BrokerUnreachable)
    assert str(told) == (
        f"kafka.bootstrap: no broker answers at {address}; start Kafka, or correct it"
    )


def test_rights_are_told_from_failures() -> None:
    """Who may not do something is sent to those who may allow it."""
    assert said_of(GroupAuthorizationFailedError("shop")).startswith("Kafka does not allow that (")
    assert said_of(KafkaError("odd")).startswith("Kafka: ")
