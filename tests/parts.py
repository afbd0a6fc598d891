"""The parts in which all tests run side by side, each with a broker of its own.

Law: every test is in just one part. Most of the time of integration tests is waiting
(for sessions to end, for timers to come due), so they come in several parts; the others take all
the time that a processor has, so they come in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

_CREWS = 4
_CORES = 2
_HERE = Path(__file__).parent
_WORKERS = "integration"
_CREW_OF = {
    file: n % _CREWS + 1 for n, file in enumerate(sorted((_HERE / _WORKERS).glob("test_*")))
}
_CORE_OF = {file: n % _CORES + 1 for n, file in enumerate(sorted(_HERE.rglob("test_*.py")))}
_BROKER = "kafka_broker"
PARTS = (
    *(f"core {core}" for core in range(1, _CORES + 1)),
    "shell",
    *(f"workers {crew}" for crew in range(1, _CREWS + 1)),
)


def part_of(item: pytest.Item, folders: Sequence[str]) -> str:
    """Return the part of a test: by its folder below `tests`, then by whether it asks for Kafka."""
    if folders[0] == _WORKERS:
        return f"workers {_CREW_OF[item.path]}"
    if _BROKER in getattr(item, "fixturenames", ()):
        return "shell"
    return f"core {_CORE_OF[item.path]}"
