"""The only file that reads time.

Law: while a worker runs, its clock never runs ahead of the time that has really passed since it
started. A machine's clock that is set back is followed at once (timers wait, which is safe); one
that is set forward is not, because timers would fire early. Only a restart takes the new time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

_log = logging.getLogger(__name__)
_TRUSTED_NS = 1_000_000_000  # a step this small may be a correction, and makes nothing early
# Time goes on for a machine that sleeps; where the system can not tell, it does not.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Where the shell takes the time from; the core gets it handed in."""

    def now(self) -> int:
        """Return the wall clock's instant (microseconds since 1970)."""

    def elapsed(self) -> float:
        """Return seconds that only ever grow, to measure with."""


def _boot_ns() -> int:
    return time.clock_gettime_ns(_STEADY)


class WallClock:
    """The machine's clock, as far as it can be believed."""

    def __init__(
        self,
        machine_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = _boot_ns,
    ) -> None:
        self._machine_ns = machine_ns
        self._steady_ns = steady_ns
        self._offset = machine_ns() - steady_ns()
        self._told = False

    def now(self) -> int:
        """Return the wall clock's instant."""
        machine, steady = self._machine_ns(), self._steady_ns() + self._offset
        ahead = machine - steady
        if ahead > _TRUSTED_NS:
            self._tell(ahead)
            return steady // 1_000
        self._told = False
        if ahead < 0:
            self._offset += ahead
        return machine // 1_000

    def elapsed(self) -> float:
        """Return seconds from the monotonic clock."""
        return time.monotonic()

    def _tell(self, ahead: int) -> None:
        if not self._told:
            self._told = True
            _log.error(
                "the machine's clock was set forward by %.0f s: this worker does not follow, or "
                "timers would fire early. If the new time is right, restart the worker",
                ahead / 1_000_000_000,
            )
