"""`python -m tests.fuzz`: an input can be tried again, and what is missing is said."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as people do."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_input_can_be_tried_again(tmp_path: Path) -> None:
    """`--replay` tells whether the law holds for the input in a file."""
    file = tmp_path / "input"
    file.write_bytes(b"1 day")
    done = fuzz("--replay", str(file), "durations")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the law holds" in done.stdout


def test_a_replay_needs_one_target(tmp_path: Path) -> None:
    """Without the one target that an input is for, the command says so."""
    done = fuzz("--replay", str(tmp_path))
    assert done.returncode == 2
    assert "TARGET" in done.stdout


def test_without_atheris_the_extra_is_named() -> None:
    """Where atheris is missing, the command says how to get it; else it fuzzes."""
    done = fuzz("--seconds", "1", "durations")
    if find_spec("atheris") is None:
        assert done.returncode == 2
        assert ".[fuzz]" in done.stdout
    else:
        assert done.returncode == 0
        assert "durations" in done.stdout
