"""How many requests somebody may send: a bucket of tokens for each name.

Law: a bucket fills at a steady rate and holds a burst; who finds it empty is told when to come
again. What is remembered is bounded by the number of names, which the project file gives: one
bucket for what they ask here, one for what other workers pass on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    filled: float
    at: float


class Pace:
    """Buckets of `burst` requests that fill with `rate` requests a second."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, who: str, now: float) -> int:
        """Take one request; return after how many whole seconds to ask again, 0: it is let in.

        `now` is in seconds of a clock that only goes forward.
        """
        bucket = self._buckets.setdefault(who, _Bucket(self._burst, now))
        bucket.filled = min(self._burst, bucket.filled + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.filled < 1:
            return math.ceil((1 - bucket.filled) / self._rate)
        bucket.filled -= 1
        return 0
