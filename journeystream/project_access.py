"""Settings of who may talk to a worker over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AnyHttpUrl, Field, SecretStr

from journeystream.setting_types import Count, Name, Settings

_SHORTEST_TOKEN = 16
_Secret = Annotated[SecretStr, Field(min_length=_SHORTEST_TOKEN, max_length=512)]


class Token(Settings):
    """A token that a program or a person sends as `Authorization: Bearer`."""

    name: Name
    """Whose it is: what the audit topic calls them."""
    role: Literal["read", "write", "admin"]
    """read: look; write: change journeys, enrol users; admin: also stop, archive, delete, erase."""
    token: _Secret
    """The secret, at least 16 characters; best by the environment, JOURNEYSTREAM_API__TOKENS."""


class Api(Settings):
    """The HTTP API of workers, at `journeystream run --http-port`."""

    tokens: list[Token] = Field(default_factory=list)
    """Who may use it; without any token, and not `open`, there is no API."""
    open: bool = False
    """true: everybody may do everything; only for a port on loopback."""
    advertise: AnyHttpUrl | None = None
    """Where other workers reach this one, as in http://worker-1:9100; default: --http-host."""
    requests_per_second: Count = 50
    """Requests of one token that are taken each second, on average; more are told to wait."""
    body_bytes: Count = 4_194_304
    """Bytes in a request's body."""
