"""On a broker without transactions: nothing lost, and repeats can be told by their messageId.

The load and the oracle are those of test_restarts.py; workers ask for no transactions.
"""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.oracle import expected_outputs, outputs_without_repeats
from tests.integration.shop_load import END, JOURNEYS, chunks, has_begun, lag_of
from tests.integration.waiting import wait_until
from tests.integration.world import Worker

NO_TRANSACTIONS = {"JOURNEYSTREAM_KAFKA__GUARANTEE": "at_least_once"}


@pytest.mark.parametrize("state", ["kept", "deleted"])
def test_killed_workers_lose_nothing_and_repeat_by_id(state: str, make_world: MakeWorld) -> None:
    """Kill -9 in the middle of a load, six times: without the messages whose id came before, the
    outputs are those of an undisturbed run, in order."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.cli("publish", *JOURNEYS)
    for chunk in chunks():
        worker = Worker(world, "worker-1", settings=NO_TRANSACTIONS)
        before = lag_of(world)
        world.produce(chunk)
        wait_until(partial(has_begun, world, before + len(chunk)), "a first commit")
        worker.kill()
        if state == "deleted":
            shutil.rmtree(worker.state)
    with world.worker(settings=NO_TRANSACTIONS):
        world.mark_clock(END)
        world.settle()
    expected = expected_outputs(world, JOURNEYS)
    assert sum(map(len, expected.values())) > 1_000, "the load yields too little to compare"
    assert outputs_without_repeats(world) == expected


@pytest.mark.usefixtures("moving_partitions")
def test_a_worker_that_was_frozen_does_no_harm(make_world: MakeWorld) -> None:
    """A worker that wakes after it lost its partitions, which nobody fences, changes nothing
    but what is repeated."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.cli("publish", *JOURNEYS)
    load = list(chunks())
    frozen = Worker(world, "worker-1", settings=NO_TRANSACTIONS)
    world.produce(load[0])
    wait_until(lambda: lag_of(world) < len(load[0]), "a first commit")
    frozen.freeze()
    other = Worker(world, "worker-2", settings=NO_TRANSACTIONS)
    world.produce(load[1])
    world.settle()
    world.produce(load[2])
    frozen.thaw()
    for chunk in load[3:]:
        world.produce(chunk)
    world.mark_clock(END)
    wait_until(lambda: _have_ended(frozen, other) or not world.lag(), "the load's end, or theirs")
    for worker in (frozen, other):
        worker.kill()
    with world.worker("worker-3", settings=NO_TRANSACTIONS) as last:
        wait_until(last.holds_all, "the partitions")
        world.settle()
    assert outputs_without_repeats(world) == expected_outputs(world, JOURNEYS)


def _have_ended(*workers: Worker) -> bool:
    return all(worker.process.poll() is not None for worker in workers)
