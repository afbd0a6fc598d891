"""A project file in the working directory, and nothing said from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.project.files import Write


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("JOURNEYSTREAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the project file of the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = tmp_path / "journeystream.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
