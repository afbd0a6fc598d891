"""Why Kafka does not let us in or do something, in words that say what to do.

aiokafka keeps the reason to its log and says "unable to bootstrap"; so who fails asks once more,
over one connection, and hears it.
"""

from __future__ import annotations

import ssl

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from journeystream.broker_access import BrokerAccess
from journeystream.broker_tokens import TokenRefused
from journeystream.errors import BrokerUnreachable

NOT_ALLOWED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
_NOT_LET_IN = (SaslAuthenticationFailed, AuthenticationFailedError)
_OTHER_MECHANISM = (
    UnsupportedSaslMechanismError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
)
_ASK_MS = 10_000


async def refusal(bootstrap: BrokerAccess, failed: Exception) -> BrokerUnreachable:
    """Ask each broker once more, and return what to raise in place of what `failed`."""
    if isinstance(failed, NOT_ALLOWED):
        return BrokerUnreachable(said_of(failed))
    for host, port, _ in collect_hosts(bootstrap.address, randomize=False):
        try:
            connection = await create_conn(
                host, port, request_timeout_ms=_ASK_MS, **bootstrap.arguments
            )
            try:
                # A port that wants SASL shows it only when something is asked.
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except (OSError, KafkaError, TimeoutError) as error:
            if told := why(error, f"{host}:{port}", bootstrap):
                return BrokerUnreachable(told)
    told = f"kafka.bootstrap: no broker answers at {bootstrap.address}; start Kafka, or correct it"
    if bootstrap.user is None:
        told += " (or kafka.security, if it wants TLS or SASL)"
    return BrokerUnreachable(told)


def why(error: Exception, broker: str, bootstrap: BrokerAccess) -> str | None:
    """Say why a broker refused, if the error tells."""
    text = " ".join(str(error).split())
    if isinstance(error, TokenRefused):
        return text
    if isinstance(error, _NOT_LET_IN):
        return (
            f"kafka.security: the broker at {broker} does not let {bootstrap.user} in ({text}); "
            f"correct who we are or what we show, or ask whoever runs Kafka"
        )
    if isinstance(error, _OTHER_MECHANISM):
        return f"kafka.security.mechanism: the broker at {broker} does not take it ({text})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"kafka.security.ca_file: the certificate of the broker at {broker} is not trusted "
            f"({error.verify_message}); name the authority that signed it, and the broker as in it"
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"kafka.security: the broker at {broker} and we find no common TLS ({error.reason}); "
            f"correct protocol, port, or the client's certificate"
        )
    return None


def said_of(error: KafkaError) -> str:
    """Say on one line what Kafka answered, and what to do."""
    said = " ".join(str(error).split())
    if isinstance(error, NOT_ALLOWED):
        return (
            f"Kafka does not allow that ({said}); ask whoever runs it for the rights in "
            f"docs/operating.md, Kafka with TLS and SASL"
        )
    return f"Kafka: {said}; look whether it runs well, then try again"
