"""Ways to compute: what is kept of an event's value, how it adds up, and how it is told.

Law: what was kept of some events, added to what was kept of others, is what would be kept of all of
them, as far as anything bounded can be.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from math import isfinite
from operator import itemgetter
from sys import float_info
from typing import Any

from journeystream.comparisons import MISSING, same
from journeystream.moments import Valued

MOST_VALUES = 500
_LONGEST_TEXT = 512
_GREATEST, _SMALLEST = (1 << 63) - 1, -(1 << 63)
# Digits enough for the sum of any doubles, however far apart.
_EXACT = Context(prec=1_000)
_when = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Way:
    """How a computation is kept and told: `keep` adds a value, `tell` says what is kept.

    `add` adds what is kept elsewhere, an entry of it after the other; it is `keep` where values
    are kept as they came.
    """

    keep: Callable[[Valued, int, Any], None]
    tell: Callable[[Sequence[tuple[int, Any]]], object]
    add: Callable[[Valued, int, Any], None] | None = None


# ── values ───────────────────────────────────────────────────────────────────────────────


def is_number(value: object) -> bool:
    """Tell whether a value can be counted with and stored."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and (isinstance(value, float) or _SMALLEST <= value <= _GREATEST)


def is_value(value: object) -> bool:
    """Tell whether a value is one that can be kept."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT
    return isinstance(value, bool) or is_number(value)


def _decimal(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _number(exact: Fraction) -> int | float:
    """Return a number of JSON, the nearest one."""
    if exact.denominator == 1 and _SMALLEST <= exact <= _GREATEST:
        return int(exact)
    try:
        return float(exact)
    except OverflowError:
        return float_info.max if exact > 0 else -float_info.max


# ── ways to keep ─────────────────────────────────────────────────────────────────────────


def _keep_newest(valued: Valued, came: int, value: object) -> None:
    insort(valued, (came, value), key=_when)
    del valued[:-MOST_VALUES]


def _keep_sum(valued: Valued, came: int, value: object) -> None:
    """Keep one record: the exact sum as a text, and of how many."""
    _add_sum(valued, came, (str(_decimal(value)), 1))


def _add_sum(valued: Valued, came: int, kept: tuple[str, int]) -> None:
    last, (total, count) = valued[0] if valued else (came, ("0", 0))
    total = str(_EXACT.add(Decimal(total), Decimal(kept[0])))
    valued[:] = [(max(last, came), [total, count + kept[1]])]


def _keep_count(valued: Valued, came: int, _value: object) -> None:
    _add_count(valued, came, 1)


def _add_count(valued: Valued, came: int, kept: int) -> None:
    last, count = valued[0] if valued else (came, 0)
    valued[:] = [(max(last, came), count + kept)]


def _keep_first(valued: Valued, came: int, value: object) -> None:
    if not valued or came < valued[0][0]:
        valued[:] = [(came, value)]


def _keep_last(valued: Valued, came: int, value: object) -> None:
    if not valued or came >= valued[-1][0]:
        valued[:] = [(came, value)]


def _keep_best(better: Callable[[float, float], bool]) -> Callable[[Valued, int, Any], None]:
    def keep(valued: Valued, came: int, value: float) -> None:
        if not valued or better(value, valued[0][1]):
            valued[:] = [(came, value)]

    return keep


def _keep_candidates(
    better: Callable[[float, float], bool],
) -> Callable[[Valued, int, Any], None]:
    """Keep what becomes the best one when those before it have left: ever worse values."""

    def keep(valued: Valued, came: int, value: float) -> None:
        place = bisect_right(valued, came, key=_when)
        if place < len(valued) and not better(value, valued[place][1]):
            return
        begin = place
        while begin and not better(valued[begin - 1][1], value):
            begin -= 1
        valued[begin:place] = [(came, value)]
        del valued[:-MOST_VALUES]

    return keep


def _keep_unique(valued: Valued, came: int, value: object) -> None:
    for place, (last, known) in enumerate(valued):
        if same(known, value):
            if came <= last:
                return
            del valued[place]
            break
    _keep_newest(valued, came, value)


def _keep_counts(valued: Valued, came: int, value: object) -> None:
    """Keep how often each value came, and when last."""
    _add_counts(valued, came, (value, 1))


def _add_counts(valued: Valued, came: int, kept: tuple[object, int]) -> None:
    value, times = kept
    for place, (last, (known, count)) in enumerate(valued):
        if same(known, value):
            del valued[place]
            insort(valued, (max(last, came), [known, count + times]), key=_when)
            return
    if len(valued) >= MOST_VALUES:
        # The rarest goes; of these, the one that came least lately.
        valued.remove(min(valued, key=lambda each: each[1][1]))
    insort(valued, (came, [value, times]), key=_when)


# ── ways to tell ─────────────────────────────────────────────────────────────────────────


def _values(valued: Sequence[tuple[int, Any]]) -> list[object]:
    return [value for _, value in valued]


def _tell_one(place: int) -> Callable[[Sequence[tuple[int, Any]]], object]:
    return lambda valued: valued[place][1] if valued else MISSING


def _sum(valued: Sequence[tuple[int, Any]]) -> Decimal:
    total = Decimal(0)
    for _, value in valued:
        total = _EXACT.add(total, _decimal(value))
    return total


def _tell_sum(valued: Sequence[tuple[int, Any]]) -> object:
    return _number(Fraction(_sum(valued)))


def _tell_average(valued: Sequence[tuple[int, Any]]) -> object:
    return _number(Fraction(_sum(valued)) / len(valued)) if valued else MISSING


def _tell_kept_sum(valued: Sequence[tuple[int, Any]]) -> object:
    return _number(Fraction(valued[0][1][0])) if valued else 0


def _tell_kept_average(valued: Sequence[tuple[int, Any]]) -> object:
    if not valued:
        return MISSING
    total, count = valued[0][1]
    return _number(Fraction(total) / count)


def _tell_counted(valued: Sequence[tuple[int, Any]]) -> object:
    """Return the most frequent of counted values."""
    if not valued:
        return MISSING
    return max(reversed(valued), key=lambda each: each[1][1])[1][0]


def _tell_most_frequent(valued: Sequence[tuple[int, Any]]) -> object:
    counts: Valued = []
    for came, value in valued:
        _keep_counts(counts, came, value)
    return _tell_counted(counts)


def _less(left: float, right: float) -> bool:
    return left < right


def _more(left: float, right: float) -> bool:
    return left > right


_ALWAYS = {
    "last": Way(_keep_last, _tell_one(0)),
    "unique_list": Way(_keep_unique, _values),
    "unique_count": Way(_keep_unique, len),
}
EVER: dict[str, Way] = {
    **_ALWAYS,
    "count": Way(_keep_count, lambda valued: valued[0][1] if valued else 0, _add_count),
    "sum": Way(_keep_sum, _tell_kept_sum, _add_sum),
    "average": Way(_keep_sum, _tell_kept_average, _add_sum),
    "min": Way(_keep_best(_less), _tell_one(0)),
    "max": Way(_keep_best(_more), _tell_one(0)),
    "first": Way(_keep_first, _tell_one(0)),
    "most_frequent": Way(_keep_counts, _tell_counted, _add_counts),
}
IN_WINDOW: dict[str, Way] = {
    **_ALWAYS,
    "count": Way(_keep_newest, len),
    "sum": Way(_keep_newest, _tell_sum),
    "average": Way(_keep_newest, _tell_average),
    "min": Way(_keep_candidates(_less), _tell_one(0)),
    "max": Way(_keep_candidates(_more), _tell_one(0)),
    "first": Way(_keep_newest, _tell_one(0)),
    "most_frequent": Way(_keep_newest, _tell_most_frequent),
}
