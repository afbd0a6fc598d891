"""Typing commands: in this process, but where stdin, a signal or a terminal is the point."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from typer.testing import CliRunner, Result

from journeystream.cli import app_for
from journeystream.commands.init import WELCOME

app = app_for(())
COMMAND = [sys.executable, "-m", "journeystream"]
AUDIENCE = "kind: audience\nid: loyal\nname: Loyal\ncondition: {event: Order Completed}\n"
WINBACK = WELCOME.replace("{event: Signed Up}", "{audience: loyal}").split("examples:")[0]

Shop = Callable[..., Result]


def run(*arguments: object, file: Path | None = None) -> Result:
    """Run a command in this process, on a project file if one is given."""
    project = ["--project", str(file)] if file else []
    # `run` takes over what SIGTERM does.
    before = signal.getsignal(signal.SIGTERM)
    try:
        return CliRunner().invoke(app, [*project, *map(str, arguments)])
    finally:
        signal.signal(signal.SIGTERM, before)


def written(path: Path, text: str) -> Path:
    """Write a file, and return its path."""
    path.write_text(text)
    return path


def event(user: str, number: int, **fields: object) -> dict[str, object]:
    """Return a track event of a user."""
    return {"type": "track", "event": "Viewed", "userId": user, "messageId": str(number), **fields}


def json_lines(path: Path, *events: dict[str, object]) -> Path:
    """Write events to a file."""
    path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in events))
    return path


def tailed(shop: Shop, topic: str, *options: str) -> list[dict[str, Any]]:
    """Return the records that `tail --json` shows."""
    result = shop("tail", topic, "--json", *options)
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]
