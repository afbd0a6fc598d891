"""The small web server of a worker: `/ready`, `/live`, `/metrics`.

It runs in the worker's own loop on purpose: a loop that stands still must not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from socket import socket

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from journeystream.agents.health import Health


class Probes:
    """Answers at a listening socket from `start` to `stop`."""

    def __init__(self, listening: socket, health: Callable[[], Health]) -> None:
        self._socket = listening
        self._health = health
        site = web.Application()
        site.router.add_get("/ready", self._ready)
        site.router.add_get("/live", self._live)
        site.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(site, access_log=None)

    async def start(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Give the port back."""
        await self._runner.cleanup()

    async def _ready(self, _: web.Request) -> web.Response:
        health = self._health()
        return _told(health, good=health.ready)

    async def _live(self, _: web.Request) -> web.Response:
        health = self._health()
        return _told(health, good=health.alive)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _told(health: Health, *, good: bool) -> web.Response:
    return web.Response(
        status=HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE,
        body=orjson.dumps(asdict(health), option=orjson.OPT_NON_STR_KEYS),
        content_type="application/json",
    )
