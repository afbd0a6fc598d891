"""Reading events from files, line by line."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from journeystream.commands.json_lines import JsonLines
from journeystream.errors import UserError

EVENTS = b"""{"userId": "a", "anonymousId": "b"}
{"userId": null, "anonymousId": "b"}

{"userId": 7}"""


def read(file: Path) -> list[tuple[bytes | None, bytes]]:
    """Return all keys and lines of a file."""

    async def all_events() -> list[tuple[bytes | None, bytes]]:
        with JsonLines(file) as lines:
            return [each async for each in lines.events()]

    return asyncio.run(all_events())


@pytest.mark.parametrize(
    ("name", "data"),
    [("events.jsonl", EVENTS), ("events.jsonl.gz", gzip.compress(EVENTS, mtime=0))],
)
def test_lines_are_keyed_by_user(tmp_path: Path, name: str, data: bytes) -> None:
    """The key is the userId, else the anonymousId, else none; blank lines are passed over."""
    file = tmp_path / name
    file.write_bytes(data)
    lines = [line for line in EVENTS.split(b"\n") if line]
    assert read(file) == list(zip([b"a", b"b", None], lines, strict=True))


def test_lines_longer_than_a_read_are_whole(tmp_path: Path) -> None:
    """However the reads cut the file, a line is a line."""
    file = tmp_path / "events.jsonl"
    long = b'{"userId":"u","x":"' + b"x" * 700_000 + b'"}'
    file.write_bytes(b"\n".join([long, b'{"userId":"v"}', long]))
    assert read(file) == [(b"u", long), (b"v", b'{"userId":"v"}'), (b"u", long)]


@pytest.mark.parametrize(
    ("line", "why"), [(b"{'a': 1}", r"no JSON \(column 2: "), (b"7", "no JSON object")]
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    """The error names file and line; blank lines count."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"{}\n\n" + line + b"\n{}")
    with pytest.raises(UserError, match=rf"events.jsonl:3: this is {why}"):
        read(file)


def test_a_cut_gzip_file_is_told(tmp_path: Path) -> None:
    """What was not copied whole is no silent end of the events."""
    file = tmp_path / "events.gz"
    file.write_bytes(gzip.compress(EVENTS)[:-9])
    with pytest.raises(UserError, match="is no whole gzip file"):
        read(file)
