"""How long brokers may let a fetch wait for events, and for how many bytes of them.

Meanwhile nobody asks that broker for events of other partitions, which may have a backlog: so not
for long while there was anything in the newest seconds. Where events are many it collects for a
moment: to be handed a few at a time took a fifth of a core, and they wait for the turn before
anyway. Where they are few, collecting would be most of their latency.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Wait(NamedTuple):
    """What a broker is asked: how long to wait at most, unless so many bytes are there before."""

    ms: int
    least_bytes: int


QUIET, BUSY, DENSE = Wait(500, 1), Wait(25, 1), Wait(10, 64 * 1024)
_BUSY_SECONDS = 2.0  # since there was anything
# Events a second. One event alone is a turn of 1 to 3 ms of CPU: where each may have its own, they
# take less than half a core.
_DENSE_RATE = 200
_FADING_SECONDS = 0.2  # how far back a rate looks: so far that chance does not make it


class Pace:
    """Watches one consumer's fetches."""

    def __init__(self) -> None:
        self._looked_at = self._brought_at = float("-inf")
        self._newest = 0.0  # events, the older ones counted for less and less

    def wait(self, now: float, events: int) -> Wait:
        """Return how the next fetch is to wait; the last brought so many at `now`, in seconds."""
        faded = math.exp((self._looked_at - now) / _FADING_SECONDS)
        self._newest = self._newest * faded + events
        self._looked_at = now
        if events:
            self._brought_at = now
        if self._newest >= _DENSE_RATE * _FADING_SECONDS:
            return DENSE
        return BUSY if now - self._brought_at < _BUSY_SECONDS else QUIET
