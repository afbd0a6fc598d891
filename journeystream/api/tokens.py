"""Who may do what: API tokens with roles.

Law: a request without a token that we know may do nothing. Only where the project says `open` does
everybody have all rights, and then the port may be opened on loopback only.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from journeystream.api.problems import Refused
from journeystream.api.routes import Role
from journeystream.errors import ProjectFileError
from journeystream.project_access import Api

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="journeystream"'}
_SCHEME = "bearer "
_ANYBODY = "anybody"


class Tokens:
    """The tokens of a project."""

    def __init__(self, api: Api) -> None:
        self._open = api.open
        self._known = [
            (each.token.get_secret_value().encode(), each.name, Role[each.role.upper()])
            for each in api.tokens
        ]

    @property
    def are_open(self) -> bool:
        """Whether everybody is let in."""
        return self._open

    @property
    def are_useless(self) -> bool:
        """Whether nobody could be let in."""
        return not self._open and not self._known

    def bearer(self, authorization: str | None) -> tuple[str, Role]:
        """Return who asks, and their role; Refused for who is not known."""
        if authorization is None or not authorization.lower().startswith(_SCHEME):
            if self._open:
                return _ANYBODY, Role.ADMIN
            raise Refused(
                HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer with an API token", _CHALLENGE
            )
        given = authorization[len(_SCHEME) :].strip().encode(errors="replace")
        # All are compared, each in constant time: how long it takes tells nothing.
        found = [(who, role) for token, who, role in self._known if _is_same(token, given)]
        if not found:
            raise Refused(HTTPStatus.UNAUTHORIZED, "this API token is not known", _CHALLENGE)
        return found[0]


def _is_same(token: bytes, given: bytes) -> bool:
    return hmac.compare_digest(token, given)


def demand(role: Role, wanted: Role) -> None:
    """Refuse who may not."""
    if role < wanted:
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"this token may {role.name.lower()}; ask for one with role {wanted.name.lower()}",
        )


def demand_own_page(host: str, origin: str | None) -> None:
    """Refuse what a page of another site makes somebody's browser ask for, where all is `open`."""
    try:
        name, sent_by = urlsplit(f"//{host}").hostname or "", origin and urlsplit(origin).netloc
    except ValueError:
        name, sent_by = "", None
    if not _is_loopback(name) or sent_by not in (None, host):
        raise Refused(
            HTTPStatus.FORBIDDEN, "the API is open for this machine only; use api.tokens instead"
        )


def check_open(api: Api, host: str) -> None:
    """Refuse to let everybody in from other machines."""
    if api.open and not _is_loopback(host):
        raise ProjectFileError(
            f"api.open: lets everybody do everything, so the port may not be opened at {host}; "
            f"use --http-host 127.0.0.1, or api.tokens"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
