"""A shop for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.typing_commands import (
    Shop,
    run,
    written,
)


@pytest.fixture
def shop_file(tmp_path: Path, kafka: str) -> Path:
    """Write a replay project with topics of its own on the session's broker."""
    name = f"cli-{uuid4().hex[:12]}"
    return written(
        tmp_path / "journeystream.yaml",
        f"app: {name}\n"
        "time: replay\n"
        f"sources: [{{topic: {name}-events, keyed_by_user: true}}]\n"
        "destinations:\n"
        f"  - {{type: event, name: email, topic: {name}-email}}\n"
        f"  - {{type: list, name: ads, topic: {name}-ads}}\n"
        f"kafka: {{bootstrap: '{kafka}', partitions: 3}}\n",
    )


@pytest.fixture
def shop(shop_file: Path) -> Shop:
    """Return `run` on a project whose topics are there."""
    result = run("topics", file=shop_file)
    assert result.exit_code == 0, result.output
    return lambda *arguments: run(*arguments, file=shop_file)
