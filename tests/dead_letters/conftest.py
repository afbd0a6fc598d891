"""Post for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeystream.commands import replaying
from tests.dead_letters.post import (
    Post,
    new_post,
)


@pytest.fixture
def post(tmp_path: Path, kafka: str) -> Post:
    """Return a project that has topics and no letters yet."""
    return new_post(tmp_path, kafka)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction hold three letters at most."""
    monkeypatch.setattr(replaying, "_AT_ONCE", 3)
