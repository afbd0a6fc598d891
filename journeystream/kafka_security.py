"""How Kafka is to be reached: TLS, and who we say that we are (SASL).

Law: what is set is used. A password beside a protocol that asks for none is a mistake to be
told, not to be passed over: whoever wrote it believes the connection to be safe.

Files are read when Kafka is first talked to, so that a project can be checked where its secrets
are not at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import InitErrorDetails

from journeystream.setting_groups import Settings, built, wrong
from journeystream.setting_types import ClientId, Name, Secret, TokenUrl

TLS = ("tls", "sasl_tls")
SASL = ("sasl_plaintext", "sasl_tls")
OAUTH = "OAUTHBEARER"
_PROTOCOLS = ("plaintext", "tls", "sasl_plaintext", "sasl_tls")
_FOR_TLS = ("ca_file", "certificate_file", "key_file")
_FOR_PASSWORDS = ("username", "password", "password_file")
_FOR_ENDPOINTS = ("token_endpoint", "client_id", "client_secret", "client_secret_file")


class OAuth(Settings):
    """Where the token of OAUTHBEARER comes from: an endpoint, or a file that others renew."""

    token_endpoint: TokenUrl | None = None
    """The https address that gives tokens for client credentials (RFC 6749, 4.4)."""
    client_id: ClientId | None = None
    """Who asks the endpoint."""
    client_secret: Secret | None = None
    """Its secret, from JOURNEYSTREAM_KAFKA__SECURITY__OAUTH__CLIENT_SECRET only."""
    client_secret_file: Path | None = None
    """A file that holds its secret."""
    scope: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    """What the endpoint is asked for, several with spaces between."""
    ca_file: Path | None = None
    """PEM of the authority behind the endpoint's certificate; without it the system's."""
    token_file: Path | None = None
    """A file with a token that somebody else keeps fresh; it is read at each connection."""

    @model_validator(mode="wrap")
    @classmethod
    def _fitting(cls, data: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse a token from nowhere, or from two places, next to all else that is wrong."""
        return built(data, build, _unfit_oauth(data) if isinstance(data, Mapping) else ())


class Security(Settings):
    """How clients get into Kafka. Relative paths start at the project file."""

    protocol: Literal["plaintext", "tls", "sasl_plaintext", "sasl_tls"] = "plaintext"
    """What the port at `kafka.bootstrap` speaks; passwords over sasl_plaintext can be read by
    whoever sees the network."""
    ca_file: Path | None = None
    """PEM of the authority behind the brokers' certificates; without it the system's."""
    certificate_file: Path | None = None
    """PEM of this client's certificate, where brokers ask for one."""
    key_file: Path | None = None
    """PEM of its key, not encrypted."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """How SASL proves who we are."""
    username: Name | None = None
    """Who we are, for PLAIN and SCRAM."""
    password: Secret | None = None
    """The user's password, from JOURNEYSTREAM_KAFKA__SECURITY__PASSWORD only."""
    password_file: Path | None = None
    """A file that holds the password."""
    oauth: OAuth | None = None
    """Where the token of OAUTHBEARER comes from."""

    @model_validator(mode="wrap")
    @classmethod
    def _fitting(cls, data: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse what is missing or would not be used, next to all else that is wrong."""
        return built(data, build, _unfit(data) if isinstance(data, Mapping) else ())


def _unfit(data: Mapping[str, object]) -> Iterator[InitErrorDetails]:
    protocol = data.get("protocol") or "plaintext"
    if protocol not in _PROTOCOLS:
        return  # Nobody knows then what belongs to it.
    if protocol in TLS:
        yield from _pair(data, "certificate_file", "key_file")
    else:
        yield from _unused(data, _FOR_TLS, f"{protocol} has no TLS", f"use {' or '.join(TLS)}")
    if protocol in SASL:
        yield from _unfit_sasl(data)
    else:
        names = ("mechanism", *_FOR_PASSWORDS, "oauth")
        yield from _unused(data, names, f"{protocol} has no SASL", f"use {' or '.join(SASL)}")


def _unfit_sasl(data: Mapping[str, object]) -> Iterator[InitErrorDetails]:
    mechanism = data.get("mechanism")
    if mechanism is None:
        known = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        yield wrong(("mechanism",), f"it is missing, and SASL needs one; write {known}")
    elif mechanism == OAUTH:
        advice = "say in oauth where tokens come from"
        yield from _unused(data, _FOR_PASSWORDS, f"{OAUTH} has tokens instead", advice)
        if data.get("oauth") is None:
            yield wrong(("oauth",), f"it is missing, and {OAUTH} needs it; {advice}")
    else:
        yield from _unused(data, ("oauth",), f"{mechanism} has no tokens", f"use {OAUTH}")
        if data.get("username") is None:
            yield wrong(("username",), f"it is missing, and {mechanism} needs one; add it")
        yield from _secret(data, "password", "JOURNEYSTREAM_KAFKA__SECURITY__PASSWORD")


def _unfit_oauth(data: Mapping[str, object]) -> Iterator[InitErrorDetails]:
    if data.get("token_file") is not None:
        names = (*_FOR_ENDPOINTS, "scope", "ca_file")
        yield from _unused(data, names, "token_file has the token", "remove token_file")
        return
    for name in ("token_endpoint", "client_id"):
        if data.get(name) is None:
            yield wrong((name,), "it is missing; add it, or name a token_file")
    yield from _secret(data, "client_secret", "JOURNEYSTREAM_KAFKA__SECURITY__OAUTH__CLIENT_SECRET")


def _unused(
    data: Mapping[str, object], names: tuple[str, ...], why: str, otherwise: str
) -> Iterator[InitErrorDetails]:
    for name in names:
        if data.get(name) is not None:
            yield wrong((name,), f"{why}, and it would not be used; remove it, or {otherwise}")


def _pair(data: Mapping[str, object], one: str, other: str) -> Iterator[InitErrorDetails]:
    for name, beside in ((one, other), (other, one)):
        if data.get(name) is None and data.get(beside) is not None:
            yield wrong((name,), f"it is missing beside {beside}; add it")


def _secret(data: Mapping[str, object], name: str, variable: str) -> Iterator[InitErrorDetails]:
    """Ask for a secret from just one place."""
    file = f"{name}_file"
    if data.get(name) is None and data.get(file) is None:
        yield wrong((file,), f"it is missing; name a file that holds it, or set {variable}")
    elif data.get(name) is not None and data.get(file) is not None:
        yield wrong((file,), f"there is a {name} as well; keep one of the two")
