"""The routes of HTTP ingest, and what each answer means.

200: Kafka has every event of the request. 400, 401, 413, 415: nothing was produced, and sending
it again will not help. 408, 429, 503 (with Retry-After), 500: send it again; some of it may be
there already, and counts once, because its `messageId` is the same.

Memory is bounded: so many requests are in flight, each of so many bytes. One is in flight until
Kafka has its events or can not have them any more, though its sender was told to come again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Protocol
from uuid import uuid4

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiokafka.errors import KafkaError

from journeystream import metrics
from journeystream.agents.decode import source_limits
from journeystream.buckets import Bucket
from journeystream.clock import Clock
from journeystream.errors import RequestRefused
from journeystream.ingest.bodies import object_in, too_large
from journeystream.ingest.reading import BATCH, CALLS, Reader, calls_in
from journeystream.ingest.write_keys import WriteKeys
from journeystream.project import Project
from journeystream.sinks.records import OutRecord

_log = logging.getLogger(__name__)
_BODY_SECONDS = 10.0  # a sender may take for a body, while it is in flight
_COME_AGAIN_SECONDS = 5
_MICROS = 1_000_000
# What each path is called: the API's names, and the short ones of Segment's browser SDK.
PATHS = {
    **{f"/v1/{kind}": kind for kind in (*sorted(CALLS), BATCH)},
    **{f"/v1/{kind[0]}": kind for kind in (*sorted(CALLS), BATCH)},
    "/v1/import": BATCH,
}


class Topic(Protocol):
    """Where events go."""

    async def start(self) -> None:
        """Begin; KafkaError where that can not be."""

    async def stop(self, within: float) -> None:
        """Send what is left, for so many seconds at most."""

    async def produce(self, records: Sequence[OutRecord]) -> None:
        """Return when Kafka has the records; KafkaError when it may not have some."""


class Ingest:
    """Takes events at the routes of an app, from `start` to `stop`."""

    def __init__(self, project: Project, topic: Topic, clock: Clock) -> None:
        settings = project.ingest
        self._settings = settings
        self._stop_seconds = project.limits.stop_seconds
        self._topic = topic
        self._clock = clock
        self._keys = WriteKeys(settings.write_keys)
        senders = max(1, len(settings.write_keys))
        self._buckets = [Bucket(settings.events_per_second) for _ in range(senders)]
        self._reader = Reader(
            project.ingest_topic,
            source_limits(project),
            settings.event_bytes,
            settings.batch_bytes,
            lambda: str(uuid4()),
        )
        self._reading = 0
        self._producing: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an app, which may have others."""
        for path, kind in PATHS.items():
            app.router.add_post(path, partial(self._answer, kind))
            if self._settings.origins:
                app.router.add_options(path, self._preflight)

    async def start(self) -> None:
        """Begin to produce; KafkaError where no broker answers."""
        await self._topic.start()

    async def stop(self) -> None:
        """Let Kafka have what is in flight, within half of limits.stop_within.

        The other half is the web server's, to finish the requests that wait for it.
        """
        until = self._clock.elapsed() + self._stop_seconds / 2
        if self._producing:
            _, late = await asyncio.wait(self._producing, timeout=self._stop_seconds / 2)
            for each in late:
                each.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._topic.stop(max(0.0, until - self._clock.elapsed()))

    @property
    def in_flight(self) -> int:
        """How many requests wait for their body or for Kafka."""
        return self._reading + len(self._producing)

    @property
    def late(self) -> bool:
        """Whether Kafka has not answered for longer than a sender waits."""
        return bool(self._late)

    # ── answers ──────────────────────────────────────────────────────────────────────────

    async def _answer(self, kind: str, request: web.Request) -> web.Response:
        began = self._clock.elapsed()
        try:
            await self._take(kind, request)
            outcome, answer = "accepted", _told(HTTPStatus.OK, {"success": True})
        except RequestRefused as refused:
            outcome, answer = refused.code, _refusal(refused)
        except Exception:  # noqa: BLE001 -- a sender gets no stack trace
            _log.exception("a request to /v1/%s failed", kind)
            fault = RequestRefused(500, "failed", "a fault of the server; its log has it")
            outcome, answer = fault.code, _refusal(fault)
        metrics.INGEST_REQUESTS.labels(outcome).inc()
        metrics.INGEST_SECONDS.observe(self._clock.elapsed() - began)
        self._allow(request, answer)
        return answer

    async def _preflight(self, request: web.Request) -> web.Response:
        answer = web.Response(status=HTTPStatus.NO_CONTENT)
        if self._allow(request, answer):
            asked = request.headers.get("Access-Control-Request-Headers", "")
            answer.headers["Access-Control-Allow-Headers"] = asked
            answer.headers["Access-Control-Allow-Methods"] = "POST"
            answer.headers["Access-Control-Max-Age"] = "600"
        return answer

    def _allow(self, request: web.Request, answer: web.Response) -> bool:
        """Let a page of another site read the answer, if the site may send."""
        origin, allowed = request.headers.get("Origin"), self._settings.origins
        if origin is None or not {origin, "*"} & set(allowed):
            return False
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Vary"] = "Origin"
        return True

    # ── one request ──────────────────────────────────────────────────────────────────────

    async def _take(self, kind: str, request: web.Request) -> None:
        """Return when Kafka has the events of a request; RequestRefused says why it has not."""
        received_ms = self._clock.now() // 1_000
        place = self._keys.by_header(request.headers.get("Authorization"))
        self._refuse_too_many()
        self._reading += 1
        try:
            found = object_in(await self._body(request), self._settings.batch_bytes)
            sender = self._keys.by_body(found) if place is None else place
            calls, batch = calls_in(kind, found)
            self._pay(sender, len(calls))
            records = self._reader.read(calls, batch, received_ms)
            producing = asyncio.create_task(self._topic.produce(records))
            self._producing.add(producing)
        finally:
            self._reading -= 1
        metrics.INGEST_IN_FLIGHT.set(len(self._producing))
        producing.add_done_callback(self._is_over)
        await self._acknowledged(producing)
        metrics.INGEST_EVENTS.inc(len(records))

    async def _acknowledged(self, producing: asyncio.Task[None]) -> None:
        await asyncio.wait((producing,), timeout=self._settings.acknowledge_seconds)
        if not producing.done():
            self._late.add(producing)
            raise _kafka_is_late()
        try:
            producing.result()
        except (KafkaError, asyncio.CancelledError) as error:
            raise _kafka_is_late() from error

    def _is_over(self, producing: asyncio.Task[None]) -> None:
        self._producing.discard(producing)
        self._late.discard(producing)
        metrics.INGEST_IN_FLIGHT.set(len(self._producing))
        if not producing.cancelled():
            producing.exception()  # seen: whoever sent it may be gone

    def _refuse_too_many(self) -> None:
        if self.in_flight < self._settings.requests_in_flight:
            return
        if self.late:
            raise _kafka_is_late()
        text = "more than ingest.requests_in_flight wait for Kafka; send this again"
        raise RequestRefused(429, "too_many_requests", text, retry_after=1)

    def _pay(self, place: int, calls: int) -> None:
        bucket, now = self._buckets[place], round(self._clock.elapsed() * _MICROS)
        if wait := bucket.wait(now):
            text = "this write key has sent more than ingest.events_per_second; send this again"
            raise RequestRefused(429, "too_many_events", text, retry_after=wait)
        bucket.take(calls, now)

    async def _body(self, request: web.Request) -> bytes:
        packing = request.headers.get("Content-Encoding", "identity").strip().lower()
        if packing not in ("gzip", "identity", ""):
            text = f"Content-Encoding {packing[:20]!r} is not read; send gzip, or nothing packed"
            raise RequestRefused(415, "unknown_encoding", text)
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self._settings.batch_bytes:
                        raise too_large(self._settings.batch_bytes)
        except TimeoutError:
            text = f"the body did not come within {_BODY_SECONDS:g} s; send it again"
            raise RequestRefused(408, "too_slow", text) from None
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
            raise RequestRefused(400, "bad_body", "the body did not come whole") from None
        return bytes(body)


def _kafka_is_late() -> RequestRefused:
    text = "Kafka has not acknowledged the events; send them again, with the same messageId"
    return RequestRefused(503, "kafka_is_late", text, retry_after=_COME_AGAIN_SECONDS)


def _refusal(refused: RequestRefused) -> web.Response:
    told = {"success": False, "code": refused.code, "message": refused.text}
    answer = _told(refused.status, told)
    if refused.retry_after is not None:
        answer.headers["Retry-After"] = str(refused.retry_after)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Basic realm="write key"'
    return answer


def _told(status: int, told: dict[str, object]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(told), content_type="application/json")
