"""Workers die, come back, join and leave; destinations must not be able to tell.

The load is the shop's half year (20,000 events) through five journeys with waits of up to 30
days; the oracle is the engine over the same log in one piece.
"""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.oracle import actual_outputs, expected_outputs
from tests.integration.shop_load import END, JOURNEYS, chunks, has_begun, lag_of
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World


@pytest.mark.parametrize("state", ["kept", "deleted"])
def test_killed_workers_lose_nothing_and_repeat_nothing(state: str, make_world: MakeWorld) -> None:
    """Kill -9 in the middle of a load, six times: outputs are those of an undisturbed run."""
    world = make_world(more="")
    _publish(world)
    for chunk in chunks():
        worker = Worker(world, "worker-1")
        before = lag_of(world)
        world.produce(chunk)
        wait_until(partial(has_begun, world, before + len(chunk)), "a first commit")
        worker.kill()
        if state == "deleted":
            shutil.rmtree(worker.state)
    with world.worker():
        world.mark_clock(END)
        world.settle()
    _compare(world)


@pytest.mark.usefixtures("moving_partitions")
def test_a_second_worker_joins_and_leaves_under_load(make_world: MakeWorld) -> None:
    """Partitions move to a second worker and back while events flow: no output is lost or twice."""
    world = make_world()
    _publish(world)
    load = list(chunks())
    with world.worker("worker-1"):
        world.produce(load[0])
        wait_until(lambda: lag_of(world) < len(load[0]), "a first commit")
        with world.worker("worker-2") as second:
            for chunk in load[1:4]:
                world.produce(chunk)
            wait_until(lambda: any(second.state.rglob("CURRENT")), "the second worker's share")
        for chunk in load[4:]:
            world.produce(chunk)
        world.mark_clock(END)
        world.settle()
    _compare(world)


def _publish(world: World) -> None:
    world.cli("publish", *JOURNEYS)


def _compare(world: World) -> None:
    expected, actual = expected_outputs(world, JOURNEYS), actual_outputs(world)
    assert sum(map(len, expected.values())) > 1_000, "the load yields too little to compare"
    assert actual.keys() == expected.keys()
    for key, values in expected.items():
        assert actual[key] == values, key
