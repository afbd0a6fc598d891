"""Which worker has which user, and asking it.

Laws:

1. A user's partition is where Kafka's own partitioner puts their id; who has it, the group's leader
   has told every worker. So any worker can be asked about any user.
2. A question goes on once: who is asked by another worker and has not got the partition (any more)
   says that it moves. Nobody answers from a state that is being restored.
3. An answer made of several workers' says which partitions it lacks, and has none twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import Field
from yarl import URL

from journeystream.agents.home import home_of
from journeystream.agents.partition import Partition
from journeystream.answers import Answer
from journeystream.api.problems import MEDIA, Refused
from journeystream.api.routes import Call, Reply

_FORWARDED = "X-Journeystream-Forwarded"
_PATIENCE = aiohttp.ClientTimeout(total=15, connect=3)
_TRIES = 3
_AGAIN = {"Retry-After": "2"}
_PASSED_ON = ("Content-Type", "ETag", "Retry-After")
Distribution = Mapping[str, Mapping[str, Sequence[int]]]
"""URL of a worker -> topic -> the partitions that it has."""


class Gathered(Answer):
    """What all workers have to say."""

    missing: list[int] = Field(default_factory=list)
    """Partitions that are moving now: what is told is without their users."""


@dataclass(frozen=True, slots=True)
class Group:
    """The workers as one of them sees it.

    `own` is its URL; `distribution` what the leader has told last. The `topic` that counts has
    `count` partitions (0: not known yet); `running` are its own.
    """

    own: str
    topic: str
    count: Callable[[], int]
    distribution: Callable[[], Distribution]
    running: Callable[[], Mapping[int, Partition]]


class Owners:
    """Finds partitions, here or at other workers."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._client: aiohttp.ClientSession | None = None

    async def stop(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.close()

    @property
    def own(self) -> str:
        """The URL of this worker."""
        return self._group.own

    @property
    def running(self) -> Mapping[int, Partition]:
        """The partitions that this worker has been given."""
        return self._group.running()

    @property
    def here(self) -> dict[int, Partition]:
        """The partitions that can be read here."""
        return {
            number: partition
            for number, partition in self._group.running().items()
            if partition.store is not None
        }

    @property
    def workers(self) -> dict[str, list[int]]:
        """The URL of each worker, with the partitions that it has been given."""
        topic = self._group.topic
        return {url: sorted(had.get(topic, ())) for url, had in self._group.distribution().items()}

    def home(self, user: str) -> int:
        """Return a user's partition."""
        return home_of(user.encode(), self._count())

    def _count(self) -> int:
        count = self._group.count()
        if not count:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "the worker is starting; try again", _AGAIN
            )
        return count

    async def about(
        self,
        user: str,
        call: Call,
        answer: Callable[[Partition], Reply | Awaitable[Reply]],
    ) -> Reply | web.Response:
        """Answer a question about a user here, or have it answered where they are."""
        number = self.home(user)
        partition = self.here.get(number)
        if partition is not None:
            reply = answer(partition)
            return reply if isinstance(reply, Reply) else await reply
        urls = [url for url, had in self.workers.items() if number in had]
        if call.is_forwarded or not urls or urls[0] == self._group.own:
            raise _moving(number)
        return await self._pass_on(urls[0], number, call)

    async def gather(
        self,
        call: Call,
        own: Callable[[Mapping[int, Partition]], Awaitable[Any]],
        joined: Callable[[list[Any], list[int]], Reply],
    ) -> Reply:
        """Answer a question about all users by what each worker says of its own.

        Their answers, JSON, are `joined` with the partitions that nobody can answer for. To
        another worker only this one's part is told.
        """
        for _ in range(_TRIES):
            told, here = await self._settled(own)
            if call.is_forwarded:
                return Reply(raw={"told": told, "partitions": sorted(here)})
            answers, known = [told], here
            others = [url for url in self.workers if url != self._group.own]
            for found in await asyncio.gather(*(self._ask(url, call) for url in others)):
                if found is not None:
                    answers.append(found["told"])
                    known = [*known, *found["partitions"]]
            twice = [number for number, times in Counter(known).items() if times > 1]
            if not twice:
                return joined(answers, sorted(set(range(self._count())) - set(known)))
        # It moved from one to the other while they were asked: its users would count twice.
        raise _moving(twice[0])

    async def _settled(
        self, own: Callable[[Mapping[int, Partition]], Awaitable[Any]]
    ) -> tuple[Any, list[int]]:
        """Return what this worker says, and of which partitions: none went while it was said."""
        while True:
            here = self.here
            told = await own(here)
            if here.items() <= self.here.items():
                return told, sorted(here)

    async def _pass_on(self, url: str, number: int, call: Call) -> web.Response:
        try:
            async with self._request(url, call) as response:
                headers = {
                    name: response.headers[name] for name in _PASSED_ON if name in response.headers
                }
                body = await response.read()
                return web.Response(status=response.status, body=body, headers=headers)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise _moving(number) from None

    async def _ask(self, url: str, call: Call) -> dict[str, Any] | None:
        try:
            async with self._request(url, call) as response:
                if response.status != HTTPStatus.OK or response.content_type == MEDIA:
                    return None
                found: dict[str, Any] = await response.json()
                return found
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    def _request(self, url: str, call: Call) -> Any:  # noqa: ANN401  aiohttp's own context
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=_PATIENCE)
        headers = {_FORWARDED: "1", "Content-Type": "application/json"}
        names = {"Authorization": call.authorization, "Idempotency-Key": call.key}
        headers |= {name: value for name, value in names.items() if value is not None}
        return self._client.request(
            call.method,
            URL(url.rstrip("/") + call.url, encoded=True),
            headers=headers,
            data=call.raw,
            allow_redirects=False,
        )


def _moving(number: int) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"partition {number} is moving between workers, or its worker has no --http-port; "
        f"try again",
        _AGAIN,
    )
