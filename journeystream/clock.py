"""The only file that reads time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the shell takes the time from; the core gets it handed in."""

    def now(self) -> int:
        """Return the wall clock's instant (microseconds since 1970)."""

    def elapsed(self) -> float:
        """Return seconds that only ever grow, to measure with."""


class WallClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the wall clock's instant."""
        return time.time_ns() // 1_000

    def elapsed(self) -> float:
        """Return seconds from the monotonic clock."""
        return time.monotonic()
