"""`journeystream ingest` before it listens: what it refuses, and how it says so."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.typing_commands import run, written

PROJECT = "sources: [{topic: events}]\nkafka: {bootstrap: '127.0.0.1:1'}\n"


@pytest.mark.parametrize(
    ("settings", "options", "problem"),
    [
        ("", (), "ingest.write_keys: without keys anybody could send events"),
        ("ingest: {open: true}", ("--host", "0.0.0.0"), "ingest.open: at 0.0.0.0"),  # noqa: S104
        ("ingest: {write_keys: [k]}", ("--host", "256.0.0.1"), "can not be listened at"),
    ],
)
def test_what_can_not_be_served_is_refused(
    tmp_path: Path, settings: str, options: tuple[str, ...], problem: str
) -> None:
    """Whoever starts ingest wrongly learns what to change, before anything listens."""
    file = written(tmp_path / "journeystream.yaml", PROJECT + settings)
    result = run("ingest", *options, file=file)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """Two processes on one port are a mistake that is told at once."""
    file = written(tmp_path / "journeystream.yaml", f"{PROJECT}ingest: {{open: true}}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("ingest", "--port", port, file=file)
    assert result.exit_code == 2
    assert f"--port {port}: 127.0.0.1 can not be listened at" in result.stderr


def test_without_kafka_it_does_not_begin(tmp_path: Path) -> None:
    """Ingest that could only refuse does not listen: whoever runs it must look after Kafka."""
    file = written(tmp_path / "journeystream.yaml", f"{PROJECT}ingest: {{open: true}}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = run("ingest", "--port", port, file=file)
    assert result.exit_code == 1
    assert "no broker answers at 127.0.0.1:1" in result.stderr
