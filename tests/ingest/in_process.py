"""Ingest in this process, before a topic in memory, asked over HTTP on loopback."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiokafka.errors import KafkaConnectionError

from journeystream.clock import WallClock
from journeystream.ingest import Ingest
from journeystream.project import Project
from journeystream.sinks.records import OutRecord

KEY = "a-write-key"
TRACK: dict[str, Any] = {"type": "track", "event": "Order", "userId": "u1", "messageId": "m1"}
Client = TestClient[web.Request, web.Application]


class MemoryTopic:
    """A topic that keeps what it gets; `open` is whether Kafka acknowledges, `away` whether not."""

    def __init__(self) -> None:
        self.records: list[OutRecord] = []
        self.asked = 0
        self.away = False
        self.open = asyncio.Event()
        self.open.set()

    async def start(self) -> None:
        """Begin."""

    async def stop(self, within: float) -> None:
        """End."""

    async def produce(self, records: Sequence[OutRecord]) -> None:
        """Keep the records, when it is open."""
        self.asked += 1
        if self.away:
            raise KafkaConnectionError
        await self.open.wait()
        self.records += records

    @property
    def values(self) -> list[dict[str, Any]]:
        """What it holds."""
        return [orjson.loads(record.value or b"") for record in self.records]


Story = Callable[[Client, MemoryTopic, Ingest], Awaitable[None]]


def play(story: Story, *, unpack: bool = False, **settings: object) -> None:
    """Run ingest with settings, and a story before it; `unpack` lets the web server unpack."""

    async def played() -> None:
        told = {"write_keys": [KEY], **settings}
        project = Project.model_validate({"sources": [{"topic": "events"}], "ingest": told})
        topic = MemoryTopic()
        ingest = Ingest(project, topic, WallClock())
        app = web.Application()
        ingest.add_to(app)
        server = TestServer(app)
        await ingest.start()
        await server.start_server(auto_decompress=unpack)
        async with TestClient(server) as client:
            await story(client, topic, ingest)
            topic.open.set()
        await ingest.stop()

    asyncio.run(played())


def basic(key: str) -> str:
    """Return the header that names a key."""
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


async def send(
    client: Client,
    path: str,
    body: object,
    *,
    key: str | None = KEY,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Post a body (bytes as they are, anything else as JSON); return status and answer."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {} if key is None else {"Authorization": basic(key)}
    async with client.post(path, data=data, headers={**named, **(headers or {})}) as answer:
        told = orjson.loads(await answer.read())
        if "Retry-After" in answer.headers:
            told["retry_after"] = int(answer.headers["Retry-After"])
        return answer.status, told
