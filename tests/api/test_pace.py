"""How many requests are let in."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from journeystream.api.pace import Pace

STEPS = st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=200)


@given(st.floats(0.5, 100), st.integers(1, 50), STEPS)
def test_no_more_than_a_burst_and_the_rate(rate: float, burst: int, pauses: list[float]) -> None:
    """In any time, no more are let in than the burst and what the rate has brought since."""
    pace, now, let_in = Pace(rate, burst), 100.0, list[float]()
    for pause in pauses:
        now += pause
        if pace.wait("a", now) == 0:
            let_in.append(now)
    for first, begin in enumerate(let_in):
        for last, end in enumerate(let_in[first:], first):
            assert last - first + 1 <= burst + (end - begin) * rate + 1e-6


@given(st.floats(0.5, 100), st.integers(1, 50))
def test_who_waits_as_told_is_let_in(rate: float, burst: int) -> None:
    """After the seconds that a refusal names, and not before a request is earned, it is let in."""
    pace = Pace(rate, burst)
    assert [pace.wait("a", 1.0) for _ in range(burst)] == [0] * burst
    wait = pace.wait("a", 1.0)
    assert wait == math.ceil(1 / rate)
    assert pace.wait("a", 1.0 + wait) == 0


def test_one_does_not_wait_for_another() -> None:
    """Everybody has a bucket of their own."""
    pace = Pace(1, 1)
    assert [pace.wait(who, 0.0) for who in ("a", "b", "a")] == [0, 0, 1]
