"""The laws of all fuzz targets, for valid inputs, for mutated ones, and for any bytes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

_SLOW = ("batches", "definitions", "project_file")
_MOST_ROUNDS = 4
each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def tried(times: int) -> settings:
    """Return how often a law is tried; how long one input takes is `test_linear_time.py`'s."""
    return settings(deadline=None, max_examples=times, suppress_health_check=list(HealthCheck))


@st.composite
def mutants(draw: st.DrawFn, target: Target, seeds: Sequence[bytes]) -> bytes:
    """Draw a valid input with a few rounds of mutation."""
    data = draw(st.sampled_from(seeds))
    for seed in draw(st.lists(st.integers(0, 1 << 32), min_size=1, max_size=_MOST_ROUNDS)):
        random = Random(seed)  # noqa: S311  drawn, so that a failure can be found again
        data = mutated(data, seeds, target.separator, random)
    return data


@each_target
def test_the_law_holds_for_valid_inputs(target: Target) -> None:
    """What fuzzing begins from is well, or every finding would be the seed's."""
    for seed in target.seeds():
        target.holds(seed)


@each_target
def test_the_law_holds_for_mutated_inputs(target: Target) -> None:
    """What is nearly valid gets furthest, and breaks nothing there."""
    seeds = list(target.seeds())

    @tried(60 if target.name in _SLOW else 150)
    @given(mutants(target, seeds))
    def law(data: bytes) -> None:
        target.holds(data)

    law()


@each_target
def test_the_law_holds_for_any_bytes(target: Target) -> None:
    """What is not even nearly valid breaks nothing either."""

    @tried(60)
    @given(st.one_of(st.binary(max_size=64), st.text(max_size=64).map(str.encode)))
    def law(data: bytes) -> None:
        target.holds(data)

    law()
