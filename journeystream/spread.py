"""How long things took, for their median, in bounded memory.

Law: exact up to `most` different values; of more, only leading binary digits are told apart, as
many as leave so few. Over spans from a millisecond to a century eleven digits are left at the
least, so that the median is wrong by one part in 2,000 at most, however many values there are.
"""

from __future__ import annotations

from collections import Counter

_ALL_DIGITS = 64


class Spread:
    """Counts values (not negative); `median` tells their middle."""

    def __init__(self, most: int = 65_536) -> None:
        self._most = most
        self._digits = _ALL_DIGITS
        self._counts: Counter[int] = Counter()

    def add(self, value: int) -> None:
        """Count a value."""
        self._counts[self._kept(value)] += 1
        while len(self._counts) > self._most and self._digits > 1:
            self._digits -= 1
            coarser: Counter[int] = Counter()
            for each, count in self._counts.items():
                coarser[self._kept(each)] += count
            self._counts = coarser

    def median(self) -> float | None:
        """Return the middle value, of an even number the mean of both; None without any."""
        total = self._counts.total()
        if not total:
            return None
        return (self._at((total - 1) // 2) + self._at(total // 2)) / 2

    def _at(self, place: int) -> int:
        """Return the value that has so many before it."""
        passed = 0
        for value in sorted(self._counts):
            passed += self._counts[value]
            if passed > place:
                return value
        raise IndexError(place)

    def _kept(self, value: int) -> int:
        """Return the middle of all values that share the leading digits."""
        cut = value.bit_length() - self._digits
        return value if cut <= 0 else value >> cut << cut | 1 << cut - 1
