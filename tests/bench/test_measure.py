"""A contestant is watched from outside: what it did counts, however slowly answers come."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Event

import pytest

from bench.measure import Watch
from bench.processes import Command, running

PER_SECOND = 1_000
SLOW_SECONDS = 1.0


def test_a_slow_answer_costs_the_contestant_nothing(tmp_path: Path) -> None:
    """A group that has just begun answers late, and works meanwhile: its rate is the same."""
    idle = Command([sys.executable, "-c", "import signal; signal.pause()"], {})
    began, asked = time.monotonic(), Event()

    def progress() -> int:
        if not asked.is_set():
            asked.set()
            Event().wait(SLOW_SECONDS)
        return int((time.monotonic() - began) * PER_SECOND)

    with running(tmp_path / "log", [idle]) as processes:
        watch = Watch(processes, progress, 3 * PER_SECOND, 60, lambda: True, lambda _: None)
        measured = watch.measure()
    assert measured.rate == pytest.approx(PER_SECOND, rel=0.2)
