"""The verdict on a worker: alive where a restart would not help, ready where it does its work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.health import SILENT_SECONDS, STUCK_SECONDS, Signs, judge

WELL = Signs(
    failure=None,
    assigned=True,
    partitions={0: "running", 3: "running"},
    standbys=(1,),
    turn_seconds=0.2,
    fetched=0.1,
    answered=0.5,
)


def test_a_worker_that_works_is_alive_and_ready() -> None:
    """With everything well both are true, and there is nothing to say."""
    health = judge(WELL)
    assert (health.alive, health.ready, health.reasons) == (True, True, ())


def test_a_spare_worker_is_ready() -> None:
    """A worker that the group left without partitions is ready to take one over."""
    assert judge(replace(WELL, partitions={})).ready


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        ({"assigned": False}, "not assigned"),
        ({"partitions": {3: "restoring"}}, "partition 3 is being restored"),
        ({"answered": None}, "Kafka does not answer"),
        ({"answered": SILENT_SECONDS + 1}, "Kafka does not answer"),
    ],
)
def test_what_a_restart_would_not_mend_is_not_ready_but_alive(
    sign: dict[str, Any], said: str
) -> None:
    """A worker that waits for others is alive: to restart it would only make it wait again."""
    health = judge(replace(WELL, **sign))
    assert (health.alive, health.ready) == (True, False)
    assert said in " ".join(health.reasons).replace("has not assigned", "not assigned")


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        ({"failure": "disk full"}, "the worker ends: disk full"),
        ({"turn_seconds": STUCK_SECONDS + 1}, "a turn has taken"),
        ({"fetched": STUCK_SECONDS + 1}, "nothing was asked"),
    ],
)
def test_what_stands_still_is_neither(sign: dict[str, Any], said: str) -> None:
    """A worker in which something stands still is not alive, and never ready."""
    health = judge(replace(WELL, **sign))
    assert (health.alive, health.ready) == (False, False)
    assert said in health.reasons[0]


@given(
    st.builds(
        Signs,
        failure=st.none() | st.just("broken"),
        assigned=st.booleans(),
        partitions=st.dictionaries(st.integers(0, 9), st.sampled_from(["restoring", "running"])),
        standbys=st.just(()),
        turn_seconds=st.floats(0, 1_000),
        fetched=st.none() | st.floats(0, 1_000),
        answered=st.none() | st.floats(0, 1_000),
    )
)
def test_whatever_is_not_ready_says_why(signs: Signs) -> None:
    """Ready and silent go together, and nothing is ready that is not alive."""
    health = judge(signs)
    assert health.ready == (not health.reasons)
    assert health.alive or not health.ready
