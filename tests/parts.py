"""The parts in which all tests run side by side, each with a broker of its own.

Law: every test is in just one part. Most of the time of integration tests is waiting
(for sessions to end, for timers to come due), so they come in three parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

_CREWS = 3
PARTS = ("core", "shell", *(f"workers {crew}" for crew in range(1, _CREWS + 1)))
_WORKERS = "integration"
_FILES = sorted((Path(__file__).parent / _WORKERS).glob("test_*"))
_BROKER = "kafka_broker"


def part_of(item: pytest.Item, folders: Sequence[str]) -> str:
    """Return the part of a test: by its folder below `tests`, then by whether it asks for Kafka."""
    if folders[0] == _WORKERS:
        return f"workers {1 + _FILES.index(item.path) % _CREWS}"
    return "shell" if _BROKER in getattr(item, "fixturenames", ()) else "core"
