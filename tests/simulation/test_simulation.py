"""Hundreds of seeds, replays that are exact, and proof that the simulation can see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import chain
from unittest import mock

import pytest

from tests.simulation.mutants import MUTANTS, biased, broken
from tests.simulation.trial import try_plan, try_seed

_SEEDS = 400
_REPEATING = 100  # seeds that commit at least once
_AT_ONCE = 25
_ENOUGH = 600  # seeds within which every broken shell must be found
# Bugs that the simulation found, and a seed that finds each of them.
_FOUND = {
    "a topic begins with the batch that comes first": 144,
    "the clock does not wait for late markers": 106,
    "a partition whose end is cut short keeps its store open": 890,
    "a group does not wait for a worker that ends": 41,
}
# Where the search for a broken shell ended last: it begins there, and goes on from the start.
_LAST_FOUND = {
    **_FOUND,
    "gaps are borne": 980,
    "users who are ahead get their events again": 38,
    "a turn is saved before it is written": 200,
    "stamps are not looked at": 38,
    "who has ended goes on telling": 13,
}
_PRINT = "from tests.simulation.trial import try_seed as t; print([t(s).fingerprint for s in {}])"
_REPLAYED = (1, 2, 3, 5, 8, 13)


@pytest.mark.parametrize("first", range(0, _SEEDS, _AT_ONCE))
def test_outputs_and_state_are_those_of_the_log(first: int) -> None:
    """Whatever goes wrong and when, every turn counts once, in order, at its time."""
    for seed in range(first, first + _AT_ONCE):
        assert try_seed(seed).wrong is None, f"python -m tests.simulation --seed {seed}"


@pytest.mark.parametrize("first", range(0, _REPEATING, _AT_ONCE))
def test_at_least_once_repeats_and_nothing_else(first: int) -> None:
    """Without transactions, what does not repeat is what the log makes, in order."""
    for seed in range(first, first + _AT_ONCE):
        wrong = try_seed(seed, repeats=True).wrong
        assert wrong is None, f"python -m tests.simulation --repeats --seed {seed}"


@pytest.mark.parametrize("first", range(0, _REPEATING, _AT_ONCE))
def test_users_who_turn_out_to_be_others_move_once(first: int) -> None:
    """Claims, adoptions and moves by hand cross partitions while workers die: each counts once."""
    for seed in range(first, first + _AT_ONCE):
        wrong = try_seed(seed, aliases=True).wrong
        assert wrong is None, f"python -m tests.simulation --aliases --seed {seed}"


def test_bursts_are_cut_and_nothing_changes() -> None:
    """With a single timer to a turn, batches are cut wherever several are due: nobody can tell."""
    with mock.patch("journeystream.agents.partition._FIRED_AT_ONCE", 1):
        for seed in range(_REPEATING):
            wrong = try_seed(seed, repeats=True).wrong
            assert wrong is None, f"seed {seed}"


@pytest.mark.parametrize(("name", "seed"), _FOUND.items())
def test_what_a_seed_has_found_stays_mended(name: str, seed: int) -> None:
    """The seed of a bug finds nothing any more, and would find it again if it came back."""
    assert _found(name, [seed]) is None
    with broken(name):
        assert _found(name, [seed]) == seed, f"the seed is stale: {_found(name, range(_ENOUGH))}"


def test_a_seed_replays_exactly() -> None:
    """The same seed makes the same trace again, in another process and with another hash seed."""
    here = str([try_seed(seed).fingerprint for seed in _REPLAYED])
    for hash_seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", _PRINT.format(_REPLAYED)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=200,
            check=True,
        ).stdout
        assert said.strip() == here


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_shell_is_found(name: str) -> None:
    """Each law of the shell that is turned off is missed by a seed that misses nothing else."""
    for seed in chain((_LAST_FOUND.get(name, 0),), range(_ENOUGH)):
        with broken(name):
            missed = _found(name, [seed]) is not None
        # A plan that is too hard for any shell says nothing.
        if missed and _found(name, [seed]) is None:
            return
    raise AssertionError(name)


def _found(name: str, seeds: Iterable[int]) -> int | None:
    """Return the first seed whose plan, turned to where a mutant matters, goes wrong."""
    with mock.patch("journeystream.agents.partition._ROOM", MUTANTS[name].room):
        for seed in seeds:
            plan = biased(name, seed)
            wrong = None if plan is None else try_plan(plan).wrong
            if wrong is not None:
                assert "TypeError" not in wrong, f"the mutant does not fit any more: {wrong}"
                return seed
    return None
