"""A shell can complete commands, options and ids."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from journeystream.cli import app_for
from tests.cli.typing_commands import written

app = app_for(())
BASH = shutil.which("bash")


def completed(line: str) -> list[str]:
    """Return what bash is offered for the last word of a line, in this directory."""
    asked = {
        "_JOURNEYSTREAM_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    return CliRunner().invoke(app, env=asked, prog_name="journeystream").stdout.split()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with two journeys, and what is none; its directory is the working one."""
    folder = tmp_path / "shop" / "journeys"
    folder.mkdir(parents=True)
    for name in ("welcome.yaml", "winback.yml", "notes.txt"):
        written(folder / name, "")
    monkeypatch.chdir(folder.parent)
    return folder.parent


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
def test_the_completion_of_bash_is_shown() -> None:
    """`--show-completion bash` prints what a .bashrc takes."""
    done = subprocess.run(
        # Not as its last command: bash would give its place to it, and could not be seen.
        [str(BASH), "-c", f"{sys.executable} -m journeystream --show-completion bash; true"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "complete -o default -F _journeystream_completion journeystream" in done.stdout


def test_commands_options_and_templates_are_completed() -> None:
    """Whoever forgot how a word goes on is told."""
    assert {"resume", "retry", "run"} <= set(completed("journeystream r"))
    assert "--http-port" in completed("journeystream run --http")
    assert "birthday" in completed("journeystream templates birth")


@pytest.mark.parametrize("command", ["pause", "retry", "archive", "clone", "enroll"])
def test_ids_of_journeys_are_completed_from_their_files(
    command: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files beside the project file say which journeys there are; Kafka is not asked."""
    assert completed(f"journeystream {command} w") == ["welcome", "winback"]
    assert completed(f"journeystream {command} x") == []
    monkeypatch.chdir(shop.parent)
    assert completed(f"journeystream -p shop/journeystream.yaml {command} wi") == ["winback"]
    assert completed(f"journeystream {command} w") == []
