"""Settings of who may talk to a worker over HTTP."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyHttpUrl, Field, SecretStr

from journeystream.setting_groups import Settings
from journeystream.setting_types import Count, Name

_TOKEN = re.compile(r"[!-~]{16,512}")


def _token(secret: SecretStr) -> SecretStr:
    """Refuse, without telling it, what a header can not carry or what can be guessed."""
    if _TOKEN.fullmatch(secret.get_secret_value()) is None:
        raise ValueError(
            "a token has 16 to 512 letters, digits and signs of ASCII, without spaces; "
            "make one with `openssl rand -hex 24`"
        )
    return secret


class Token(Settings):
    """A token that a program or a person sends as `Authorization: Bearer`."""

    name: Name
    """Whose it is: what the audit topic calls them."""
    role: Literal["read", "write", "admin"]
    """read: look; write: change journeys, enrol users; admin: also stop, archive, delete, erase."""
    token: Annotated[SecretStr, AfterValidator(_token)]
    """The secret, at least 16 characters; best by the environment, JOURNEYSTREAM_API__TOKENS."""


def _distinct(tokens: list[Token]) -> list[Token]:
    if len({each.token.get_secret_value() for each in tokens}) < len(tokens):
        raise ValueError("two have the same token, so nobody knows who asks; give each its own")
    return tokens


class Api(Settings):
    """The HTTP API of workers, at `journeystream run --http-port`."""

    tokens: Annotated[list[Token], AfterValidator(_distinct)] = Field(default_factory=list)
    """Who may use it; without any token, and not `open`, there is no API."""
    open: bool = False
    """true: everybody may do everything; only for a port on loopback."""
    advertise: AnyHttpUrl | None = None
    """Where other workers reach this one, as in http://worker-1:9100; default: --http-host."""
    requests_per_second: Count = 50
    """Requests of one token that are taken each second, on average; more are told to wait."""
    body_bytes: Count = 4_194_304
    """Bytes in a request's body."""
