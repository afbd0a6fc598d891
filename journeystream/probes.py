"""What a worker tells everybody who asks: `/ready`, `/live`, `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from journeystream.agents.health import Health


class Probes:
    """Tells of a worker's health."""

    def __init__(self, health: Callable[[], Health]) -> None:
        self._health = health

    def add_to(self, site: web.Application) -> None:
        """Add the probes to a server."""
        site.router.add_get("/ready", self._ready)
        site.router.add_get("/live", self._live)
        site.router.add_get("/metrics", self._metrics)

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
