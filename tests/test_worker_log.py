"""A worker's log can be read while its broker is away."""

from __future__ import annotations

import logging
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from journeystream.worker_log import Seldom


def _record(name: str, message: str, at: float) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.ERROR, "", 0, message, (), None)
    record.created = at
    return record


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_a_flood_of_the_client_is_told_once_in_a_while(gaps: list[float]) -> None:
    """Of one message as many are told as ten-second spans have begun, and the first one is."""
    seldom, now, told = Seldom(), 1_000.0, []
    for gap in gaps:
        now += gap
        if seldom.filter(_record("aiokafka", "Unable connect to node with id %s: %s", now)):
            told.append(now)
    assert told[0] == 1_000.0 + gaps[0]
    assert all(later - earlier >= 10 for earlier, later in pairwise(told))
    assert now - told[-1] < 10


def test_our_own_lines_are_all_told() -> None:
    """What journeystream says is never left out."""
    seldom = Seldom()
    assert all(seldom.filter(_record("journeystream.agents", "x", 1.0)) for _ in range(3))
