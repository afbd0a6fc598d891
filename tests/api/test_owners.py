"""Which worker answers: several owners behind real servers, whose partitions move."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp import web
from yarl import URL

from journeystream.agents.home import home_of
from journeystream.agents.partition import Partition
from journeystream.answers import Answer
from journeystream.api.owners import Group, Owners
from journeystream.api.routes import Call, Reply, Role, Route
from journeystream.state.memory import MemoryStore
from tests.api.calls import Heard, asked, listening, served

COUNT = 4
TOPIC = "shop.rekeyed"
ODD = ["u1", "ü/ß", "a b+c", "100%", "..", "%2F", "?x=1#y", "e/../f", "日本"]  # ids that URLs bend


@dataclass
class Place:
    """A partition, as far as who owns it can be asked."""

    store: MemoryStore | None = field(default_factory=MemoryStore)


class Where(Answer):
    """Who has answered, about whom."""

    url: str
    """The worker."""
    user: str
    """The user."""


class Count(Answer):
    """How many partitions were counted."""

    counted: list[int]
    """Their numbers."""
    missing: list[int]
    """Those that nobody has."""


@dataclass
class Member:
    """One worker: where it listens, and what it has."""

    at: socket.socket = field(default_factory=listening)
    running: dict[int, Place] = field(default_factory=dict)
    counts: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.at.getsockname()[1]}"

    def has(self, *numbers: int) -> None:
        """Give it partitions."""
        self.running.update({number: Place() for number in numbers})


async def where(member_and_owners: tuple[Member, Owners], call: Call) -> Reply | web.StreamResponse:
    """Tell who answers for a user."""
    member, owners = member_and_owners
    user = call.path["user"]
    return await owners.about(user, call, lambda _: Reply(Where(url=member.url, user=user)))


async def count(member_and_owners: tuple[Member, Owners], call: Call) -> Reply:
    """Count all partitions."""
    member, owners = member_and_owners

    async def own(here: Mapping[int, Partition]) -> list[int]:
        member.counts()
        await asyncio.sleep(0)
        return sorted(here)

    def joined(answers: list[Any], missing: list[int]) -> Reply:
        return Reply(Count(counted=sorted(n for each in answers for n in each), missing=missing))

    return await owners.gather(call, own, joined)


ROUTES = [
    Route("GET", "/where/{user}", where, Role.READ, "Where.", "t", answers=Where),
    Route("GET", "/count", count, Role.READ, "Count.", "t", answers=Count),
]


@contextlib.asynccontextmanager
async def group(
    members: Sequence[Member], told: Mapping[str, Sequence[int]] | None = None
) -> AsyncIterator[None]:
    """Run workers of one group; `told` is what their leader says, if it is not what is so."""

    def distribution() -> dict[str, dict[str, Sequence[int]]]:
        has = {each.url: sorted(each.running) for each in members} if told is None else told
        return {url: {TOPIC: numbers} for url, numbers in has.items()}

    async with contextlib.AsyncExitStack() as running:
        for member in members:
            owners = Owners(
                Group(
                    own=member.url,
                    topic=TOPIC,
                    count=lambda: COUNT,
                    distribution=distribution,
                    running=lambda member=member: cast(  # type: ignore[misc]
                        "Mapping[int, Partition]", dict(member.running)
                    ),
                )
            )
            running.push_async_callback(owners.stop)
            await running.enter_async_context(served(ROUTES, desk=(member, owners), at=member.at))
        yield


def quoted(text: str) -> str:
    """Write text as one word of a path."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def ask(member: Member, path: str, **sent: Any) -> Heard:  # noqa: ANN401  as `asked` takes it
    """Ask a worker; the path is sent as it stands."""
    return await asked(URL(f"{member.url}/api/v1{path}", encoded=True), "GET", **sent)


@pytest.mark.parametrize("user", [*ODD, *(f"user-{n}" for n in range(10))])
def test_any_worker_answers_about_any_user(user: str) -> None:
    """Whoever is asked, the worker that has the user's partition answers, about just that user."""
    first, second = Member(), Member()
    first.has(0, 1)
    second.has(2, 3)

    async def run() -> list[Heard]:
        async with group([first, second]):
            return [await ask(each, f"/where/{quoted(user)}") for each in (first, second)]

    home = home_of(user.encode(), COUNT)
    owner = first if home in first.running else second
    for status, body, _ in asyncio.run(run()):
        assert (status, body) == (200, {"url": owner.url, "user": user})


def test_a_partition_that_moves_is_told_as_such() -> None:
    """Nobody has it, it is being restored, or its worker is gone: 503, and when to come again."""
    gone = Member()
    gone.at.close()

    async def run(nobody: str) -> Heard:
        member = Member()
        member.has(*range(COUNT))
        member.running[home_of(b"u1", COUNT)].store = None
        told = {nobody or member.url: range(COUNT)}
        async with group([member], told):
            return await ask(member, "/where/u1")

    for nobody in ("", gone.url):
        status, body, headers = asyncio.run(run(nobody))
        assert (status, headers["Retry-After"]) == (503, "2")
        assert "moving" in body["detail"]


def test_a_question_goes_on_once() -> None:
    """Two who each believe that the other one has the user do not ask each other for ever."""
    first, second = Member(), Member()
    told = {first.url: [], second.url: list(range(COUNT))}

    async def run() -> Heard:
        async with group([first, second], told):
            return await ask(first, "/where/u1")

    assert asyncio.run(run())[0] == 503


def test_the_rights_go_along() -> None:
    """A worker that is asked by another one asks for the caller's token itself."""
    first, second = Member(), Member()
    second.has(*range(COUNT))

    async def run() -> list[int]:
        async with group([first, second]):
            return [
                (await ask(first, "/where/u1", role=role))[0]
                for role in (None, "unknown-0123456789abcdef", "read")
            ]

    assert asyncio.run(run()) == [401, 401, 200]


def test_an_answer_of_all_has_everybody_once() -> None:
    """What all workers say is joined; what nobody can answer for is missing."""
    first, second, third = Member(), Member(), Member()
    first.has(0)
    second.has(3, 1)
    third.has(2)
    third.running[2].store = None

    async def run() -> list[Heard]:
        async with group([first, second, third]):
            return [await ask(each, "/count") for each in (first, second, third)]

    for status, body, _ in asyncio.run(run()):
        assert (status, body) == (200, {"counted": [0, 1, 3], "missing": [2]})


def test_what_goes_while_it_is_counted_is_not_counted() -> None:
    """A partition that is let go in the middle is missing, not counted in half."""
    member = Member()
    member.has(*range(COUNT))
    member.counts = lambda: member.running.pop(1, None)

    async def run() -> Heard:
        async with group([member]):
            return await ask(member, "/count")

    status, body, _ = asyncio.run(run())
    assert (status, body) == (200, {"counted": [0, 2, 3], "missing": [1]})


def test_who_moves_from_one_to_the_other_counts_once() -> None:
    """A partition that both have counted is asked about anew."""
    first, second = Member(), Member()
    first.has(0, 1)
    second.has(2, 3)

    def moves() -> None:
        if 1 in first.running:
            first.running.pop(1)
            second.has(1)

    second.counts = moves

    async def run() -> Heard:
        async with group([first, second]):
            return await ask(first, "/count")

    status, body, _ = asyncio.run(run())
    assert (status, body) == (200, {"counted": [0, 1, 2, 3], "missing": []})


def test_two_who_have_it_for_good_are_not_believed() -> None:
    """One of them is a worker that was given up and does not know it: 503, until it does."""
    first, second = Member(), Member()
    first.has(*range(COUNT))
    second.has(3)

    async def run() -> Heard:
        async with group([first, second]):
            return await ask(first, "/count")

    status, _, headers = asyncio.run(run())
    assert (status, "Retry-After" in headers) == (503, True)
