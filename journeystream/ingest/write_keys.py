"""Who may send: the user name of basic authentication, or `writeKey` in the body.

Law: a key is compared in a time that says nothing of it, and nothing that can be read anywhere
holds one: a sender is known by the place of their key in the settings.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from pydantic import SecretStr

from journeystream.errors import RequestRefused, UserError
from journeystream.ingest_settings import IngestSettings

ANYBODY = 0
"""The place of whoever sends where no key is asked for."""
_BASIC = "basic "


class WriteKeys:
    """The keys of the settings; without any, whoever comes may send."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = [key.get_secret_value().encode() for key in keys]

    def by_header(self, authorization: str | None) -> int | None:
        """Return the place of the key that a header names; None where there is no header."""
        if not self._keys:
            return ANYBODY
        if authorization is None:
            return None
        return self._place(_user_in(authorization))

    def by_body(self, found: Mapping[str, object]) -> int:
        """Return the place of the key that a body names."""
        key = found.get("writeKey")
        return self._place(key.encode() if isinstance(key, str) else None)

    def _place(self, named: bytes | None) -> int:
        places = [
            place for place, key in enumerate(self._keys) if hmac.compare_digest(key, named or b"")
        ]
        if named is None or not places:
            raise RequestRefused(
                401,
                "bad_write_key",
                "the write key is missing or unknown; send one of ingest.write_keys as the user "
                "name of basic authentication, with an empty password",
            )
        return places[0]


def refuse_strangers(settings: IngestSettings, host: str) -> None:
    """Refuse to listen at an address where anybody could send events."""
    if settings.write_keys:
        return
    if not settings.open:
        raise UserError(
            "ingest.write_keys: without keys anybody could send events; set "
            """JOURNEYSTREAM_INGEST__WRITE_KEYS='["…"]', or `open: true` for trials"""
        )
    if not _is_loopback(host):
        raise UserError(
            f"ingest.open: at {host} everybody could send events; set ingest.write_keys, "
            "or listen at 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _user_in(authorization: str) -> bytes | None:
    """Return the user name of basic authentication, if it is one."""
    if not authorization.lower().startswith(_BASIC):
        return None
    try:
        named = base64.b64decode(authorization[len(_BASIC) :].strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return named.partition(b":")[0]
