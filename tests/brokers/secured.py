"""Apache Kafka that lets in over TLS: by password, by token or by certificate, with rights.

Beside that it has its plain listener, at which everything is allowed: there the tests themselves
work. Its certificate is that of an authority made for the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from confluent_kafka.admin import AdminClient

# Not from `admin`, which has them too but does not export them for type checkers.
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from journeystream.embedded_broker import free_port
from tests.brokers.apache import Entrances, apache_broker
from tests.brokers.clients import SECONDS, client
from tests.token_endpoint import AUDIENCE, ISSUER, TokenEndpoint, token_endpoint

PASSWORDS = {"worker": "a-secret of worker", "guest": "a-secret of guest"}
"""Who may log in; nobody may do anything until `allow` says so."""
_SECURITY = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class SecuredBroker:
    """A running broker: the addresses of its listeners, and who signs its certificate."""

    plain: str
    sasl: str
    mutual: str
    """Lets in who has a certificate of the authority."""
    authority: trustme.CA
    endpoint: TokenEndpoint

    def allow(self, user: str, kind: str, prefix: str, *operations: str) -> None:
        """Let a user do something with what begins so: `kind` is topic, group or …."""
        bindings = [
            AclBinding(
                ResourceType[kind],
                prefix,
                ResourcePatternType.PREFIXED,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        admin = AdminClient(client(self.plain))  # it must live until it is done
        for done in admin.create_acls(bindings).values():
            done.result(SECONDS)


@contextmanager
def secured_broker(directory: Path) -> Iterator[SecuredBroker]:
    """Run it with its files in `directory`, or raise BrokerMissingError."""
    authority = trustme.CA()
    sasl, mutual = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with token_endpoint(authority) as endpoint:
        keys = directory / "jwks.json"
        keys.write_text(endpoint.keys)
        entrances = Entrances(
            (f"SASL_SSL://{sasl}", f"SSL://{mutual}"),
            {**_tls(directory, authority), **_sasl(keys), **_RIGHTS},
            # Since Kafka 4 a broker reads keys only from where it is told to.
            (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}",),
            tuple(
                word
                for user, password in PASSWORDS.items()
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                for word in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
            ),
        )
        with apache_broker(entrances) as broker:
            yield SecuredBroker(broker.bootstrap, sasl, mutual, authority, endpoint)


_RIGHTS: Mapping[str, str] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    # The plain listener's.
    "super.users": "User:ANONYMOUS",
}


def _tls(directory: Path, authority: trustme.CA) -> dict[str, str]:
    certificate = authority.issue_cert("127.0.0.1")
    # Kafka reads no other form of a key.
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    (directory / "broker.pem").write_bytes(key + chain)
    authority.cert_pem.write_to_path(directory / "ca.pem")
    return {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_SSL:SASL_SSL,SSL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(directory / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(directory / "ca.pem"),
        "listener.name.ssl.ssl.client.auth": "required",
        # A certificate's common name is its owner's name.
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
    }


def _sasl(keys: Path) -> dict[str, str]:
    at = "listener.name.sasl_ssl"
    users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
    scram = f"{_SECURITY}.scram.ScramLoginModule required;"
    return {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        f"{at}.plain.sasl.jaas.config": f"{_SECURITY}.plain.PlainLoginModule required {users};",
        f"{at}.scram-sha-256.sasl.jaas.config": scram,
        f"{at}.scram-sha-512.sasl.jaas.config": scram,
        f"{at}.oauthbearer.sasl.jaas.config": (
            f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule required;"
        ),
        f"{at}.oauthbearer.sasl.server.callback.handler.class": (
            f"{_SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        # Kafka 4.1 has to be told, and not below a mechanism's name: else it takes a token without
        # looking at its signature.
        "sasl.oauthbearer.jwt.validator.class": (f"{_SECURITY}.oauthbearer.BrokerJwtValidator"),
        f"{at}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        f"{at}.oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
        f"{at}.oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        # So that a test sees a token that has to be renewed while connections are open.
        f"{at}.oauthbearer.connections.max.reauth.ms": "3600000",
    }
