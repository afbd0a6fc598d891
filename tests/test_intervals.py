"""Intervals: the figures of the papers, and that they cover what they should."""

from __future__ import annotations

from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.intervals import Share, of_difference, of_rate, of_ratio


@st.composite
def shares(draw: st.DrawFn) -> Share:
    """Draw some of many."""
    whole = draw(st.integers(1, 10**7))
    return Share(draw(st.integers(0, whole)), whole)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Newcombe, Statistics in Medicine 17, 1998, 857-872, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_rate_is_as_sure_as_the_paper_says(
    part: int, whole: int, low: float, high: float
) -> None:
    """Wilson's score interval, to four digits."""
    found = of_rate(Share(part, whole))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("test", "control", "low", "high"),
    # Newcombe, Statistics in Medicine 17, 1998, 873-890, table II, method 10.
    [
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 20), 0.6791, 1.0),
    ],
)
def test_a_difference_is_as_sure_as_the_paper_says(
    test: Share, control: Share, low: float, high: float
) -> None:
    """Newcombe's hybrid score interval, to four digits."""
    found = of_difference(test, control)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(shares(), shares())
def test_intervals_hold_their_figure_and_stay_possible(test: Share, control: Share) -> None:
    """The figure is inside; a rate is from 0 to 1, a difference from -1 to 1, a ratio positive."""
    rate, difference = of_rate(test), of_difference(test, control)
    assert 0 <= rate.low <= test.rate <= rate.high <= 1
    between = test.rate - control.rate
    assert -1 - 1e-9 <= difference.low <= between + 1e-9
    assert between - 1e-9 <= difference.high <= 1 + 1e-9
    ratio = of_ratio(test, control)
    assert 0 < ratio.low <= ratio.high
    if test.part and control.part:
        assert ratio.low * (1 - 1e-9) <= test.rate / control.rate <= ratio.high * (1 + 1e-9)


@given(shares(), shares())
def test_what_is_turned_round_is_turned_round(one: Share, other: Share) -> None:
    """Control against test is the same interval, seen from the other side."""
    there, back = of_difference(one, other), of_difference(other, one)
    assert isclose(there.low, -back.high, abs_tol=1e-9)
    ratio, inverse = of_ratio(one, other), of_ratio(other, one)
    assert isclose(ratio.low, 1 / inverse.high, rel_tol=1e-9)


@pytest.mark.parametrize("sizes", [(20, 20), (60, 15)])
@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.3, 0.2), (0.5, 0.5), (0.05, 0.3)])
def test_intervals_cover_the_truth_as_often_as_they_say(
    sizes: tuple[int, int], rates: tuple[float, float]
) -> None:
    """Over all that chance may bring, weighed exactly, 95 percent of them hold the truth."""
    covered = {"rate": 0.0, "difference": 0.0, "ratio": 0.0}
    for part, weight in enumerate(_binomial(sizes[0], rates[0])):
        test = Share(part, sizes[0])
        rate = of_rate(test)
        covered["rate"] += weight * (rate.low <= rates[0] <= rate.high)
        for part0, weight0 in enumerate(_binomial(sizes[1], rates[1])):
            control = Share(part0, sizes[1])
            difference, ratio = of_difference(test, control), of_ratio(test, control)
            both = weight * weight0
            covered["difference"] += both * (
                difference.low <= rates[0] - rates[1] <= difference.high
            )
            covered["ratio"] += both * (ratio.low <= rates[0] / rates[1] <= ratio.high)
    assert all(share > 0.92 for share in covered.values()), covered


def _binomial(size: int, rate: float) -> list[float]:
    return [comb(size, k) * rate**k * (1 - rate) ** (size - k) for k in range(size + 1)]
