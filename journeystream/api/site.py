"""The web server of a worker: probes and metrics for everybody, the API for who may.

It runs in the worker's own loop on purpose: a loop that stands still must not answer. So nothing
here may take long; what does is a process of its own (trying.py).

Laws: a request is let in before its body is read, and its body is bounded. Whatever fails is
answered as a problem (problems.py).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from socket import socket
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from journeystream.agents.decode import DEEPEST
from journeystream.agents.fields import is_deeper
from journeystream.api.openapi import PAGE, document
from journeystream.api.problems import Refused, told, unfit
from journeystream.api.routes import LONGEST_KEY, PREFIX, Call, Reply, Role, Route
from journeystream.api.tokens import Tokens, demand, demand_own_page
from journeystream.buckets import Bucket
from journeystream.clock import Clock
from journeystream.durations import MICROS
from journeystream.project_access import Api as ApiSettings

_log = logging.getLogger(__name__)
_FORWARDED = "X-Journeystream-Forwarded"
_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
_STOP_SECONDS = 2.0
_ALWAYS = {
    "Server": "journeystream",  # and not which versions of what
    "Cache-Control": "no-store",  # it is of people
    "X-Content-Type-Options": "nosniff",
}
_PAGE_ONLY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"
}
_Served = Callable[[web.Request], Awaitable[web.StreamResponse]]
AddTo = Callable[[web.Application], None]
"""Adds routes of its own to the server's application."""


class Site:
    """Answers at a listening socket from `start` to `stop`; `parts` are what it serves."""

    def __init__(self, listening: socket, parts: Sequence[AddTo], body_bytes: int = 0) -> None:
        self._socket = listening
        site = web.Application(middlewares=[_problems], client_max_size=body_bytes)
        for add_to in parts:
            add_to(site)
        self._runner = web.AppRunner(site, access_log=None, shutdown_timeout=_STOP_SECONDS)

    async def start(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Give the port back."""
        await self._runner.cleanup()


class ApiServer:
    """Serves routes; `desk` is what their handlers work with."""

    def __init__(
        self, routes: Sequence[Route], desk: object, settings: ApiSettings, clock: Clock
    ) -> None:
        self._routes = routes
        self._desk = desk
        self._tokens = Tokens(settings)
        self._clock = clock
        self._rate = settings.requests_per_second
        self._buckets: dict[str, Bucket] = {}
        self._document = orjson.dumps(document(routes))

    def add_to(self, site: web.Application) -> None:
        """Add the API to a server; without anybody who may use it, nothing."""
        if self._tokens.are_useless:
            return
        for route in self._routes:
            site.router.add_route(route.method, PREFIX + route.path, self._served(route))
        site.router.add_get(f"{PREFIX}/openapi.json", self._tell_document)
        site.router.add_get(f"{PREFIX}/", self._tell_page)

    async def _tell_document(self, _: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")

    async def _tell_page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html", headers=_PAGE_ONLY)

    def _served(self, route: Route) -> _Served:
        async def serve(request: web.Request) -> web.StreamResponse:
            if self._tokens.are_open:
                demand_own_page(request.host, request.headers.get("Origin"))
            who, role = self._tokens.bearer(request.headers.get("Authorization"))
            self._keep_pace(who, request)
            demand(role, route.role)
            call = await _call(route, request, who, role)
            reply = await route.handler(self._desk, call)
            if isinstance(reply, web.StreamResponse):
                return reply
            return _answered(route, reply)

        return serve

    def _keep_pace(self, who: str, request: web.Request) -> None:
        # What goes on to another worker is counted apart: it was counted where it was asked.
        name = f"{who} by another worker" if _FORWARDED in request.headers else who
        bucket = self._buckets.setdefault(name, Bucket(self._rate))
        now = round(self._clock.elapsed() * MICROS)
        wait = bucket.wait(now)
        bucket.take(0 if wait else 1, now)
        if wait:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many requests with this token; try again in {wait} s",
                {"Retry-After": str(wait)},
            )


@web.middleware
async def _problems(request: web.Request, handler: _Served) -> web.StreamResponse:
    response: web.StreamResponse
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = told(error) if error.status >= HTTPStatus.BAD_REQUEST else error
    except Exception as error:  # noqa: BLE001  whatever it is, it is answered and told
        response = told(error)
    response.headers.update(_ALWAYS)
    return response


async def _call(route: Route, request: web.Request, who: str, role: Role) -> Call:
    """Read what a request says; Refused where the route's models do not take it."""
    path = {name: value for name, value in request.match_info.items() if "\0" not in value}
    if len(path) < len(request.match_info):
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such thing: a name has no NUL")
    key = request.headers.get("Idempotency-Key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"Idempotency-Key: write 1 to {LONGEST_KEY} letters, digits and signs of ASCII",
        )
    raw = await request.read()
    return Call(
        path=path,
        query=_query(route, request),
        body=_body(route, raw),
        who=who,
        role=role,
        authorization=request.headers.get("Authorization"),
        key=key,
        match=request.headers.get("If-Match"),
        is_forwarded=_FORWARDED in request.headers,
        method=request.method,
        url=request.path_qs,
        raw=raw,
    )


def _query(route: Route, request: web.Request) -> BaseModel | None:
    if route.query is None:
        return None
    try:
        return route.query.model_validate(dict(request.query))
    except ValidationError as error:
        raise unfit("query", error) from None


def _body(route: Route, raw: bytes) -> Any:  # noqa: ANN401  the route's own model
    if route.body is None and not route.takes_any:
        return None
    try:
        data = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from None
    if is_deeper(data, DEEPEST):
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the body has groups in groups, more than {DEEPEST} deep; write it flatter",
        )
    if route.body is None:
        if not isinstance(data, dict):
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is no object; send one")
        return data
    try:
        return route.body.model_validate(data)
    except ValidationError as error:
        raise unfit("body", error) from None


def _answered(route: Route, reply: Reply) -> web.Response:
    headers = dict(reply.headers)
    if reply.etag is not None:
        headers["ETag"] = reply.etag
    if reply.body is None and reply.raw is None:
        return web.Response(status=reply.status, headers=headers)
    if reply.raw is not None:
        body = orjson.dumps(reply.raw)
    else:
        body = TypeAdapter(route.answers).dump_json(reply.body, by_alias=True)
    return web.Response(
        status=reply.status, body=body, headers=headers, content_type="application/json"
    )
