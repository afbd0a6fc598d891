"""How much a sender may send: a token bucket.

Law: in any span of time a sender gets through at most what the rate allows for it, a second's
worth, and one request more. Whoever has something left is let in whatever the size of the request
(so that a batch above a second's worth is not refused for ever), and pays for it afterwards.
"""

from __future__ import annotations

_SECOND = 1_000_000


class Bucket:
    """A bucket of so many tokens a second, full at first; instants are in microseconds."""

    def __init__(self, per_second: int) -> None:
        self._rate = per_second
        # In millionths of a token, so that nothing is lost by rounding.
        self._left = per_second * _SECOND
        self._at: int | None = None

    def wait(self, now: int) -> int:
        """Return after how many seconds something may be taken; 0 for now."""
        self._fill(now)
        if self._left > 0:
            return 0
        return -self._left // (self._rate * _SECOND) + 1

    def take(self, tokens: int, now: int) -> None:
        """Take tokens, whether they are there or not."""
        self._fill(now)
        self._left -= tokens * _SECOND

    def _fill(self, now: int) -> None:
        passed = 0 if self._at is None else max(0, now - self._at)
        self._at = now
        self._left = min(self._rate * _SECOND, self._left + passed * self._rate)
