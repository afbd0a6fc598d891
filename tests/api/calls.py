"""What the tests of the API share: calls as the server makes them, and a server on loopback."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
from yarl import URL

from journeystream.api.routes import Call, Role, Route
from journeystream.api.site import ApiServer, Site
from journeystream.clock import WallClock
from journeystream.project_access import Api

TOKENS = {
    role: f"{role}-0123456789abcdef"
    for role in ("read", "write", "admin")
}  # fmt: skip
Heard = tuple[int, Any, dict[str, str]]
"""The status, the body and the headers of an answer."""


def settings(**others: object) -> Api:
    """Return settings with a token for each role, called like it."""
    tokens = [{"name": role, "role": role, "token": token} for role, token in TOKENS.items()]
    return Api.model_validate({"tokens": tokens, **others})


def call(**said: object) -> Call:
    """Return a call as an admin makes it."""
    usual: dict[str, Any] = {
        "path": {}, "query": None, "body": None, "who": "admin", "role": Role.ADMIN,
    }  # fmt: skip
    return Call(**{**usual, **said})


def listening() -> socket.socket:
    """Return a socket on loopback, at any port."""
    return socket.create_server(("127.0.0.1", 0))


@contextlib.asynccontextmanager
async def served(
    routes: Sequence[Route],
    api: Api | None = None,
    desk: object = None,
    at: socket.socket | None = None,
) -> AsyncIterator[str]:
    """Serve routes, and give the URL."""
    at = at or listening()
    api = api or settings()
    site = Site(at, [ApiServer(routes, desk, api, WallClock()).add_to], api.body_bytes)
    await site.start()
    try:
        yield f"http://127.0.0.1:{at.getsockname()[1]}"
    finally:
        await site.stop()


async def asked(
    url: str | URL,
    method: str = "GET",
    role: str | None = "admin",
    **sent: Any,  # noqa: ANN401  whatever aiohttp's client takes
) -> Heard:
    """Return the status, the body and the headers of an answer."""
    headers = dict(sent.pop("headers", {}))
    if role is not None:
        headers.setdefault("Authorization", f"Bearer {TOKENS.get(role, role)}")
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, url, headers=headers, **sent) as response,
    ):
        is_json = response.content_type.endswith("json")
        body: Any = await response.json() if is_json else await response.text()
        return response.status, body, dict(response.headers)
