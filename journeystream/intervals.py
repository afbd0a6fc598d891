"""How sure a rate of conversion and a lift are, from counts alone: intervals of 95 percent.

Three closed forms, which hold for small counts too and never leave what is possible:

- a rate: the score interval (Wilson, J. Am. Stat. Assoc. 22, 1927);
- a difference of two rates: the square-and-add interval of their score intervals (Newcombe,
  Statistics in Medicine 17, 1998, 873-890, method 10);
- a ratio of two rates: the logarithm with a half added to each count (Walter, Biometrika 62,
  1975), which Fagerland, Lydersen and Laake (Stat. Methods Med. Res. 24, 2015) name among those to
  use. A control without any conversion has an interval, too.
"""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

LEVEL = 0.95
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


class Interval(NamedTuple):
    """From where to where a figure lies, with 95 percent confidence."""

    low: float
    high: float


class Share(NamedTuple):
    """`part` of `whole` (which is not 0) did it."""

    part: int
    whole: int

    @property
    def rate(self) -> float:
        """The share as a number from 0 to 1."""
        return self.part / self.whole


def of_rate(share: Share) -> Interval:
    """Return the interval of a rate."""
    rate, whole = share.rate, share.whole
    middle = rate + _Z**2 / (2 * whole)
    half = _Z * sqrt(rate * (1 - rate) / whole + _Z**2 / (4 * whole**2))
    stretched = 1 + _Z**2 / whole
    # Nobody and everybody are exact ends, but for rounding.
    low = 0.0 if share.part == 0 else (middle - half) / stretched
    high = 1.0 if share.part == whole else (middle + half) / stretched
    return Interval(low, high)


def of_difference(test: Share, control: Share) -> Interval:
    """Return the interval of `test.rate - control.rate`."""
    mine, theirs = of_rate(test), of_rate(control)
    difference = test.rate - control.rate
    down = sqrt((test.rate - mine.low) ** 2 + (theirs.high - control.rate) ** 2)
    up = sqrt((mine.high - test.rate) ** 2 + (control.rate - theirs.low) ** 2)
    return Interval(difference - down, difference + up)


def of_ratio(test: Share, control: Share) -> Interval:
    """Return the interval of `test.rate / control.rate`."""
    part, whole, part0, whole0 = (count + 0.5 for count in (*test, *control))
    middle = log(part / whole) - log(part0 / whole0)
    half = _Z * sqrt(max(1 / part - 1 / whole + 1 / part0 - 1 / whole0, 0.0))
    return Interval(exp(middle - half), exp(middle + half))
