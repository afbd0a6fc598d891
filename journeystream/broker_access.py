"""How clients get into Kafka: the address, and what they show there.

Law: every client that journeystream opens is opened here (ruff refuses others), so that none is
opened without the project's TLS and SASL; and no secret can be printed with it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient

from journeystream.broker_tokens import Endpoint, EndpointTokens, FileTokens
from journeystream.clock import WallClock
from journeystream.kafka_security import OAUTH, SASL, TLS, OAuth, Security
from journeystream.project import Project
from journeystream.security_files import SecurityFiles, text_in

# For annotations elsewhere, where these may not be named.
ConsumerClient: TypeAlias = AIOKafkaConsumer
ProducerClient: TypeAlias = AIOKafkaProducer
AdminClient: TypeAlias = AIOKafkaAdminClient
_PROTOCOLS = {
    "plaintext": "PLAINTEXT",
    "tls": "SSL",
    "sasl_plaintext": "SASL_PLAINTEXT",
    "sasl_tls": "SASL_SSL",
}


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Where Kafka is, and how a client gets in; as text, the address.

    `user` is who we are there, for messages; None where Kafka does not ask. `arguments` are those
    that each aiokafka client gets.
    """

    address: str
    user: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return self.address

    def consumer(self, **options: Any) -> ConsumerClient:  # noqa: ANN401  aiokafka's
        """Return a consumer, not started."""
        return AIOKafkaConsumer(bootstrap_servers=self.address, **self.arguments, **options)

    def producer(self, **options: Any) -> ProducerClient:  # noqa: ANN401  aiokafka's
        """Return a producer, not started."""
        return AIOKafkaProducer(bootstrap_servers=self.address, **self.arguments, **options)

    def admin(self) -> AdminClient:
        """Return an admin client, not started."""
        return AIOKafkaAdminClient(bootstrap_servers=self.address, **self.arguments)


def access_of(project: Project) -> BrokerAccess:
    """Return how to get into a project's Kafka; its files are read here.

    Raises ProjectFileError with all that is wrong with the files, one on a line.
    """
    security, files = project.kafka.security, SecurityFiles(project.directory)
    arguments: dict[str, Any] = {"security_protocol": _PROTOCOLS[security.protocol]}
    user = security.username
    if security.protocol in TLS:
        arguments["ssl_context"] = _context(security, files)
        if security.certificate_file is not None:
            user = user or f"the owner of {security.certificate_file}"
    if security.protocol in SASL:
        arguments["sasl_mechanism"] = security.mechanism
        if security.mechanism == OAUTH:
            oauth = security.oauth or OAuth()
            arguments["sasl_oauth_token_provider"] = _tokens(oauth, files)
            user = oauth.client_id or f"the owner of {oauth.token_file}"
        else:
            arguments["sasl_plain_username"] = security.username
            arguments["sasl_plain_password"] = files.secret(
                "password_file", security.password_file, security.password
            )
    files.raise_problems()
    return BrokerAccess(project.kafka.bootstrap, user, arguments)


def _context(security: Security, files: SecurityFiles) -> ssl.SSLContext:
    context = files.trusting("ca_file", security.ca_file)
    if security.certificate_file is not None and security.key_file is not None:
        key = files.path(security.key_file)

        def load(certificate: Path) -> None:
            # OpenSSL would ask the terminal for the password of an encrypted key.
            context.load_cert_chain(certificate, key, password=lambda: "")

        files.read("certificate_file", security.certificate_file, load)
    return context


def _tokens(oauth: OAuth, files: SecurityFiles) -> AbstractTokenProvider:
    if oauth.token_file is not None:
        files.read("oauth.token_file", oauth.token_file, text_in)
        return FileTokens(files.path(oauth.token_file), text_in)
    secret = files.secret("oauth.client_secret_file", oauth.client_secret_file, oauth.client_secret)
    context = files.trusting("oauth.ca_file", oauth.ca_file)
    endpoint = Endpoint(
        oauth.token_endpoint or "", oauth.client_id or "", secret, oauth.scope, context
    )
    return EndpointTokens(endpoint, WallClock())
