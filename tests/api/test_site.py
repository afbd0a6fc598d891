"""What the server does with any request, whatever the route."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Annotated, Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from pydantic import Field

from journeystream.answers import Answer
from journeystream.api.problems import MEDIA
from journeystream.api.routes import Asked, Call, Reply, Role, Route
from journeystream.errors import (
    BrokerUnreachable,
    CommandRefused,
    DefinitionError,
    Problem,
    StateError,
    UserError,
)
from journeystream.project_access import Api
from tests.api.calls import TOKENS, Heard, asked, served, settings


class Said(Answer):
    """What was understood."""

    text: str
    """It."""


class Body(Asked):
    """What is sent."""

    some_text: Annotated[str, Field(max_length=5)] = ""
    """Text."""


async def echo(_: object, call: Call) -> Reply:
    """Say what was understood."""
    return Reply(Said(text=f"{call.who} {call.body}"))


async def fail(failure: Exception, _: Call) -> Reply:
    """Fail."""
    raise failure


ECHO = Route("POST", "/echo", echo, Role.WRITE, "Echo.", "t", answers=Said, body=Body)
ANY = Route("POST", "/any/{name}", echo, Role.READ, "Echo.", "t", answers=Said, takes_any=True)
FAIL = Route("GET", "/fail", fail, Role.READ, "Fail.", "t", answers=Said)


def answer(
    path: str,
    method: str = "POST",
    api: Api | None = None,
    **sent: Any,  # noqa: ANN401  as `asked` takes it
) -> Heard:
    """Ask a server with these routes once."""

    async def run() -> Heard:
        async with served([ECHO, ANY, FAIL], api) as url:
            return await asked(f"{url}/api/v1{path}", method, **sent)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"role": None}, 401),
        ({"role": "unknown-0123456789abcdef"}, 401),
        ({"headers": {"Authorization": "Basic YWRtaW46YWRtaW4="}}, 401),
        ({"role": "read"}, 403),
        ({"role": "write"}, 200),
        ({"data": b"{"}, 400),
        ({"data": b"\xff"}, 400),
        ({"data": b"[]"}, 422),
        ({"json": {"someText": "too long"}}, 422),
        ({"json": {"unknown": 1}}, 422),
        ({"json": {"someText": "good"}}, 200),
        ({"headers": {"Idempotency-Key": "x" * 201}}, 400),
        ({"headers": {"Idempotency-Key": "schlüssel"}}, 400),
        ({"headers": {"Idempotency-Key": ""}}, 400),
    ],
)
def test_what_is_wrong_is_a_problem(sent: dict[str, Any], status: int) -> None:
    """Every refusal is a problem that names the status and says what to do."""
    got, body, headers = answer("/echo", **sent)
    assert got == status
    if status < 400:
        return
    assert headers["Content-Type"].startswith(MEDIA)
    assert (body["status"], body["title"]) == (status, HTTPStatus(status).phrase)
    assert body["instance"].startswith("urn:uuid:")
    assert body["detail"]


@pytest.mark.parametrize(
    ("failure", "status", "shown"),
    [
        (CommandRefused("paused; resume it"), 409, "paused; resume it"),
        (UserError("write another"), 422, "write another"),
        (StateError("/var/state/0 is gone"), 503, "whoever runs it"),
        (BrokerUnreachable("kafka-1:9092 is silent"), 503, "Kafka does not answer"),
        (KafkaTimeoutError("kafka-1:9092"), 503, "Kafka does not answer"),
        (RuntimeError("secret /etc/journeystream.yaml"), 500, "this is a bug"),
    ],
)
def test_a_failure_is_told_without_our_inside(
    failure: Exception, status: int, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller reads what concerns them; the log has the rest, under the same instance."""

    async def run() -> Heard:
        async with served([FAIL], desk=failure) as url:
            return await asked(f"{url}/api/v1/fail")

    with caplog.at_level(logging.INFO):
        got, body, headers = asyncio.run(run())
    assert got == status
    assert shown in body["detail"]
    assert ("Retry-After" in headers) == (status == 503)
    if status >= 500:
        assert str(failure) not in str(body)
        assert "Traceback" not in str(body)
        assert body["instance"] in caplog.text
    assert not any(token in caplog.text for token in TOKENS.values())


def test_all_that_is_wrong_with_a_definition_is_told() -> None:
    """A definition's problems are listed with path and advice; warnings are marked."""
    flaws = [Problem("steps", "is empty", "add one"), Problem("name", "is long", "cut", True)]

    async def run() -> Heard:
        async with served([FAIL], desk=DefinitionError("journey a", flaws)) as url:
            return await asked(f"{url}/api/v1/fail")

    status, body, _ = asyncio.run(run())
    assert status == 422
    assert [(each["path"], each["warning"]) for each in body["problems"]] == [
        ("steps", False),
        ("name", True),
    ]


def test_a_body_is_bounded() -> None:
    """More bytes than the project allows are 413, deeper groups than can be written 422."""
    small = settings(body_bytes=100)
    assert answer("/any/x", data=b'{"a": "' + b"x" * 100 + b'"}', api=small)[0] == 413
    assert answer("/any/x", data=b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}")[0] == 422
    assert answer("/any/x", data=b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}")[0] == 200


def test_who_is_not_let_in_sends_no_body() -> None:
    """A request without a token is refused before its body is looked at."""
    small = settings(body_bytes=10)
    assert answer("/any/x", data=b"x" * 100, role=None, api=small)[0] == 401


def test_too_many_requests_are_told_to_wait() -> None:
    """A token has its pace: then 429, with when to come again; another one is not held up."""

    async def run() -> list[tuple[int, str | None]]:
        async with served([ANY], settings(requests_per_second=2)) as url:
            got = [
                (status, headers.get("Retry-After"))
                for _ in range(6)
                for status, _, headers in [await asked(f"{url}/api/v1/any/x", "POST")]
            ]
            other = await asked(f"{url}/api/v1/any/x", "POST", "read")
            mine = {"X-Journeystream-Forwarded": "1"}
            passed_on = [
                (await asked(f"{url}/api/v1/any/x", "POST", headers=mine))[0] for _ in range(6)
            ]
            assert {200, 429} == set(passed_on)
            return [*got, (other[0], None)]

    *got, other = asyncio.run(run())
    assert got[:2] == [(200, None)] * 2
    assert got[5] == (429, "1")
    assert other == (200, None)


def test_what_is_not_there_is_a_problem_too() -> None:
    """An unknown path is 404, an unknown method 405 with those that are allowed; both are JSON."""
    status, body, _ = answer("/nothing", "GET")
    assert (status, body["status"]) == (404, 404)
    status, body, headers = answer("/echo", "DELETE")
    assert (status, body["status"], headers["Allow"]) == (405, 405, "POST")
    assert answer("/any/a%00b")[0] == 404


def test_the_server_tells_no_versions() -> None:
    """Nobody learns which software in which version answers; nobody on the way keeps answers."""
    for path in ("/echo", "/nothing"):
        headers = answer(path)[2]
        assert (headers["Server"], headers["Cache-Control"]) == ("journeystream", "no-store")


def test_without_anybody_to_use_it_there_is_no_api() -> None:
    """A project without tokens serves nothing of the API."""
    assert answer("/echo", api=Api(), role=None)[0] == 404


def test_an_open_api_is_not_for_pages_of_others() -> None:
    """Where everybody may do everything, another site's page in a browser here may not."""
    assert answer("/echo", api=Api(open=True), role=None)[0] == 200
    evil = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    assert answer("/echo", api=Api(open=True), role=None, headers=evil)[0] == 403
    rebound = {"Host": "evil.example"}
    assert answer("/echo", api=Api(open=True), role=None, headers=rebound)[0] == 403
