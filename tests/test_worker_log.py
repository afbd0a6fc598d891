"""A worker's log can be read while its broker is away."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from aiokafka.errors import ProducerFenced
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from journeystream.embedded_broker import free_port
from journeystream.worker_log import JsonLines, Lines, Retrieved, Seldom, about, secrets_of

SECRET = "correct horse"  # noqa: S105  the one that must not be told


def _record(name: str, message: str, at: float) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.ERROR, "", 0, message, (), None)
    record.created = at
    return record


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_a_flood_of_the_client_is_told_once_in_a_while(gaps: list[float]) -> None:
    """Of one message as many are told as ten-second spans have begun, and the first one is."""
    seldom, now, told = Seldom(), 1_000.0, []
    for gap in gaps:
        now += gap
        if seldom.filter(_record("aiokafka", "Unable connect to node with id %s: %s", now)):
            told.append(now)
    assert told[0] == 1_000.0 + gaps[0]
    assert all(later - earlier >= 10 for earlier, later in pairwise(told))
    assert now - told[-1] < 10


def test_our_own_lines_are_all_told() -> None:
    """What journeystream says is never left out."""
    seldom = Seldom()
    assert all(seldom.filter(_record("journeystream.agents", "x", 1.0)) for _ in range(3))


def test_what_the_client_tells_nobody_is_not_told_twice() -> None:
    """A failed batch is an error where it was sent, and no traceback of asyncio's beside it."""
    retrieved, lost = Retrieved(), "Future exception was never retrieved"
    for error, told in ((ProducerFenced(), False), (ValueError(), True)):
        record = _record("asyncio", lost, 1.0)
        record.exc_info = (type(error), error, None)
        assert retrieved.filter(record) is told
    assert retrieved.filter(_record("asyncio", lost, 1.0))


class _Access(BaseModel):
    name: str = "shop"
    password: SecretStr = SecretStr(SECRET)
    none: SecretStr = SecretStr("")


class _Settings(BaseModel):
    access: _Access = _Access()
    more: list[_Access] = [_Access(password=SecretStr("battery"))]


@given(st.text(st.characters()), st.integers(0, 2**32), st.none() | st.integers(0, 1_000))
def test_a_json_log_has_one_object_a_line(text: str, at: int, partition: int | None) -> None:
    """Whatever is told comes back from one line, with time, level, worker, and where it arose."""
    record = _record("journeystream", "%s", at)
    record.args = (text,)
    if partition is None:
        line = JsonLines("w1").format(record)
    else:
        with about(partition):
            line = JsonLines("w1").format(record)
    assert len(line.splitlines()) == 1
    row = json.loads(line)
    assert row["event"] == text
    assert datetime.fromisoformat(row["time"]).timestamp() == at
    assert (row["level"], row["worker"]) == ("error", "w1")
    assert row.get("partition") == partition


def test_a_traceback_is_a_field() -> None:
    """An error's traceback stands in its line, and does not make lines of its own."""
    record = _record("journeystream", "failed", 1.0)
    error = ValueError("two\nlines")
    record.exc_info = ValueError, error, None
    row = json.loads(JsonLines("w1").format(record))
    assert row["error"] == "ValueError: two\nlines"


def test_no_secret_of_the_settings_is_told() -> None:
    """In both forms, in messages and in tracebacks, stars stand for what is secret."""
    secrets = secrets_of(_Settings())
    assert secrets == [SECRET, "battery"]
    record = _record("aiokafka", f"refused: shop/{SECRET}/battery", 1.0)
    record.exc_info = ValueError, ValueError(SECRET), None
    for form in (Lines(secrets), JsonLines("w1", secrets)):
        told = form.format(record)
        assert "refused: shop/**********" in told
        assert SECRET not in told
        assert "battery" not in told


def test_a_worker_that_can_not_begin_says_so_in_its_json_log(tmp_path: Path) -> None:
    """With `--log json` what ends the command, and what it remarks, are objects too."""
    project = tmp_path / "journeystream.yaml"
    project.write_text("sources: [{topic: e}]\nkafka: {bootstrap: '127.0.0.1:1', instance: w1}\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "journeystream", "-p", project),
            *("run", "--log", "json", "--http-port", str(free_port())),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert all(row["worker"] == "w1" for row in rows)
    assert "no broker answers at 127.0.0.1:1" in rows[-1]["event"]
    assert rows[-1]["level"] == "error"
    assert "/ready" in rows[0]["event"]
