"""Medians in bounded memory: exact while few values differ, near the truth beyond."""

from __future__ import annotations

from random import Random
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from journeystream.spread import Spread

VALUES = st.lists(st.integers(0, 10**15), min_size=1, max_size=60)


@given(VALUES)
def test_a_median_is_exact_while_few_values_differ(values: list[int]) -> None:
    """It is that of the standard library."""
    spread = Spread()
    for value in values:
        spread.add(value)
    assert spread.median() == median(values)


def test_of_nothing_there_is_none() -> None:
    """No value has no middle."""
    assert Spread().median() is None


@given(VALUES, st.integers(20, 40))
def test_memory_is_bounded(values: list[int], most: int) -> None:
    """However many values differ, so many are kept at most."""
    spread = Spread(most)
    for value in values:
        spread.add(value)
        assert len(spread._counts) <= most or spread._digits == 1


def test_the_median_of_very_many_is_near_the_truth() -> None:
    """Times from a millisecond to a century leave eleven digits: wrong by 1 in 2,000 at most."""
    random, spread, values = Random(7), Spread(), []  # noqa: S311  no secret
    for _ in range(300_000):
        value = round(10 ** random.uniform(3, 15.5))
        values.append(value)
        spread.add(value)
    found = spread.median()
    assert found is not None
    assert abs(found - median(values)) <= median(values) / 2_000
    assert spread._digits >= 11
