"""The wheel, installed outside of the checkout, is whole: data files and all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def _run(*command: str | Path, where: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=where,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_wheel_runs_the_demo(tmp_path: Path) -> None:
    """Whoever has only the package sees the main job run, with nothing from the checkout."""
    wheels, there = tmp_path / "wheels", tmp_path / "there"
    _run(*PIP, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT, where=tmp_path)
    [wheel] = wheels.glob("journeystream-*.whl")
    _run(*PIP, "install", "--no-deps", "--target", there, wheel, where=tmp_path)
    # Before the checkout's own, which is installed here too.
    where_from = "import journeystream; print(journeystream.__file__)"
    found = _run(sys.executable, "-c", where_from, where=tmp_path, PYTHONPATH=str(there))
    assert Path(found.strip()).is_relative_to(there)
    shown = _run(
        sys.executable, "-m", "journeystream", "demo", "shop", where=tmp_path, PYTHONPATH=str(there)
    )
    assert "Destinations" in shown
