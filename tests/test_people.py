"""Whom commands are about: named where they are typed, or one a line."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from journeystream.commands.people import Named, people
from journeystream.errors import UserError

LINES = b"""u1
  u 2\t\r

{"userId": "{u3"}
{"userId": "u4", "properties": {"plan": "pro"}}
"""
NAMED = [Named("u1"), Named("u 2"), Named("{u3"), Named("u4", {"plan": "pro"})]


def read(
    users: list[str] | None = None, file: Path | None = None, *, properties: bool = True
) -> list[Named]:
    """Return everyone who is named."""

    async def everyone() -> list[Named]:
        with people(users, file, properties=properties) as them:
            return [each async for each in them.named()]

    return asyncio.run(everyone())


@pytest.mark.parametrize(
    ("name", "data"),
    [("u.txt", LINES), ("u.txt.gz", gzip.compress(LINES, mtime=0))],
    ids=["plain", "packed"],
)
def test_users_come_from_lines(tmp_path: Path, name: str, data: bytes) -> None:
    """A line is an id without the space around it, or an object; blank lines are passed over."""
    file = tmp_path / name
    file.write_bytes(data)
    assert read(file=file) == NAMED


def test_users_come_from_words() -> None:
    """What is typed is an id as it stands."""
    assert read(["u1", '{"userId": "u2"}']) == [Named("u1"), Named('{"userId": "u2"}')]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"userId": "u1"', "this is no JSON"),
        (b'{"userId": 7}', "userId is 7; write the user's id"),
        (b'{"anonymousId": "a"}', "userId is None"),
        (b'{"userId": "u1", "properties": []}', r"properties is \[\]; write an object"),
        (b'{"userId": "u1", "traits": {}}', "traits means nothing here"),
        (b'{"userId": ""}', "'' is no user's id"),
        (b"x" * 513, "is no user's id"),
        (b"a\0b", "is no user's id"),
        (b"\xff", "no text in UTF-8"),
    ],
)
def test_a_line_that_names_nobody_is_told(tmp_path: Path, line: bytes, why: str) -> None:
    """The error names file and line, and what to write."""
    file = tmp_path / "users"
    file.write_bytes(b"u1\n\n" + line)
    with pytest.raises(UserError, match=rf"users:3: .*{why}"):
        read(file=file)


def test_properties_are_for_who_asks_for_them(tmp_path: Path) -> None:
    """Where they would mean nothing they are refused, and not passed over."""
    file = tmp_path / "users"
    file.write_bytes(LINES)
    with pytest.raises(UserError, match=r"users:5: properties means nothing here; write userId"):
        read(file=file, properties=False)
