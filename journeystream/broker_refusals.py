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
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from journeystream.broker_access import BrokerAccess
from journeystream.broker_tokens import TokenRefused
from journeystream.errors import BrokerUnreachable, OperatorError

NOT_ALLOWED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
_AT = "the broker at {broker}"
# From the narrower kind of error to the wider.
_WHY: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((TokenRefused,), "{said}"),
    (
        (SaslAuthenticationFailed, AuthenticationFailedError),
        (
            f"kafka.security: {_AT} does not let {{user}} in ({{said}}); correct who we are or "
            f"what we show, or ask whoever runs Kafka"
        ),
    ),
    (
        (
            UnsupportedSaslMechanismError,
            AuthenticationMethodNotSupported,
            IllegalSaslStateError,
        ),
        f"kafka.security.mechanism: {_AT} does not take it ({{said}}); write one that it takes",
    ),
    (
        (ssl.SSLCertVerificationError,),
        (
            f"kafka.security.ca_file: the certificate of {_AT} is not trusted ({{said}}); name the "
            f"authority that signed it, and the broker as in it"
        ),
    ),
    (
        (ssl.SSLError,),
        (
            f"kafka.security: {_AT} and we find no common TLS ({{said}}); correct protocol, port, "
            f"or the client's certificate"
        ),
    ),
    (
        (KafkaConnectionError, ConnectionResetError, BrokenPipeError),
        (
            f"kafka.security.protocol: {_AT} ends the connection; it is being stopped, or speaks "
            f"something else there: correct protocol or port"
        ),
    ),
)
_ASK_MS = 10_000


async def refusal(bootstrap: BrokerAccess, failed: Exception) -> OperatorError:
    """Ask each broker once more, and return what to raise in place of what `failed`."""
    if isinstance(failed, NOT_ALLOWED):
        return OperatorError(said_of(failed))
    for host, port, _ in collect_hosts(bootstrap.address, randomize=False):
        try:
            connection = await create_conn(
                host, port, request_timeout_ms=_ASK_MS, **bootstrap.arguments
            )
            try:
                # A port that wants SASL shows it only when something is asked. So does one that
                # refused a token: its refusal comes as a challenge, which aiokafka does not read.
                if not (await connection.send(MetadataRequest([]))).brokers:
                    raise SaslAuthenticationFailed("it does not take what we show")
            finally:
                connection.close()
        except (OSError, KafkaError, TimeoutError) as error:
            if told := why(error, f"{host}:{port}", bootstrap):
                return BrokerUnreachable(told)
    said = "" if isinstance(failed, KafkaConnectionError) else f" ({failed!r})"
    return BrokerUnreachable(
        f"kafka.bootstrap: no broker answers at {bootstrap.address}{said}; start Kafka, or "
        f"correct it"
    )


def why(error: Exception, broker: str, bootstrap: BrokerAccess) -> str | None:
    """Say why a broker refused, if the error tells."""
    # Of what TLS says, this is the part that is for people.
    said = getattr(error, "verify_message", None) or getattr(error, "reason", None) or error
    for kinds, words in _WHY:
        if isinstance(error, kinds):
            return words.format(said=_line(said), broker=broker, user=bootstrap.user or "us")
    return None


def said_of(error: KafkaError) -> str:
    """Say on one line what Kafka answered, and what to do."""
    said = _line(error)
    if isinstance(error, NOT_ALLOWED):
        return (
            f"Kafka does not allow that ({said}); ask whoever runs it for the rights in "
            f"docs/operating.md, Kafka with TLS and SASL"
        )
    return f"Kafka: {said}; look whether it runs well, then try again"


def _line(said: object) -> str:
    return " ".join(str(said).split())
