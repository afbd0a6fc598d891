"""Hundreds of seeds, replays that are exact, and proof that the simulation can see."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from unittest import mock

import pytest

from tests.simulation.loop import DeadlockError, SimulatedLoop
from tests.simulation.mutants import NAMES, REPEATING_NAMES, broken
from tests.simulation.trial import try_seed

_SEEDS = 400
_REPEATING = 100  # seeds that commit at least once
_AT_ONCE = 25
_ENOUGH = 200  # seeds within which every broken shell must be found
_FOUND = {
    427: "a topic of which nothing was applied yet took a late batch for its first one, and lost "
    "what stood before it",
    1250: "the same, with events that a timer waited for",
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


def test_bursts_are_cut_and_nothing_changes() -> None:
    """With a single timer to a turn, batches are cut wherever several are due: nobody can tell."""
    with mock.patch("journeystream.agents.partition._FIRED_AT_ONCE", 1):
        for seed in range(_REPEATING):
            wrong = try_seed(seed, repeats=True).wrong
            assert wrong is None, f"seed {seed}"


@pytest.mark.parametrize("seed", _FOUND)
def test_what_a_seed_has_found_stays_mended(seed: int) -> None:
    """Seeds that found a defect once."""
    assert try_seed(seed).wrong is None, _FOUND[seed]


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


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_shell_is_found(name: str) -> None:
    """Each law of the shell that is turned off is missed by some of the seeds."""
    with broken(name):
        assert any(try_seed(seed).wrong is not None for seed in range(_ENOUGH)), name


@pytest.mark.parametrize("name", REPEATING_NAMES)
def test_a_broken_shell_without_transactions_is_found(name: str) -> None:
    """So is each law of the commit that is done at least once."""
    with broken(name):
        found = (try_seed(seed, repeats=True).wrong for seed in range(_ENOUGH))
        assert any(wrong is not None for wrong in found), name


def test_time_jumps_to_the_next_timer() -> None:
    """A day of waiting takes no time, and timers come in their order."""
    loop, heard = SimulatedLoop(), list[tuple[str, float]]()

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        heard.append((name, loop.time()))

    async def story() -> None:
        await asyncio.gather(wait("day", 86_400), wait("hour", 3_600), wait("at once", 0))

    loop.run_until_complete(story())
    loop.close()
    assert heard == [("at once", 0.0), ("hour", 3_600.0), ("day", 86_400.0)]


def test_a_deadlock_is_told() -> None:
    """Who waits for what never comes is told so, instead of waiting for ever."""
    loop = SimulatedLoop()
    never = loop.create_future()
    with pytest.raises(DeadlockError):
        loop.run_until_complete(never)
    loop.close()
