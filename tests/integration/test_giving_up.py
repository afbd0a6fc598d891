"""What a worker gives up has ended before another has it, though the worker is ending itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from journeystream.agents.home import home_of
from tests.integration.conftest import MakeWorld
from tests.integration.hello import HELLO
from tests.integration.slow_worker import BEGINS
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import PARTITIONS, Worker, World

USER = "u1"
PATIENT = {"JOURNEYSTREAM_LIMITS__STOP_WITHIN": "50 seconds"}
GUARANTEES = pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])


def told(log: str, what: str) -> dict[str, str]:
    """Return when a worker last told something of each partition."""
    found = re.findall(rf"^(\S+ \S+) INFO partition (\d+): {what} at", log, re.MULTILINE)
    return {number: at for at, number in found}


def taken_from(
    first: Worker, world: World, settings: Mapping[str, str], end: Callable[[], object]
) -> None:
    """Let a worker that is in the middle of a turn end while another one joins; compare."""
    wait_until(first.holds_all, "the first worker's partitions")
    world.produce([{"type": "track", "event": "Signed Up", "userId": USER}])
    wait_until(lambda: BEGINS in first.log, "the turn")
    with world.worker("worker-2", settings=settings) as second:
        end()
        wait_until(second.holds_all, "the second worker's partitions")
        world.settle()
        given, taken = told(first.log, "let go"), told(second.log, "taken over")
    assert len(given) == len(taken) == PARTITIONS
    assert all(given[number] <= taken[number] for number in taken), (given, taken)
    assert len(world.received("email")) == 1


@pytest.mark.usefixtures("moving_partitions")
@GUARANTEES
def test_a_worker_that_ends_finishes_its_turn_before_another_has_the_partition(
    guarantee: str, make_world: MakeWorld
) -> None:
    """A worker that is told to end in the middle of a turn, and whose partitions the group takes
    meanwhile, commits that turn and ends well; only then the other one takes over."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(HELLO)
    settings = {**PATIENT, "JOURNEYSTREAM_KAFKA__GUARANTEE": guarantee}
    first = Worker(world, "worker-1", settings=settings, program="tests.integration.slow_worker")
    taken_from(first, world, settings, first.stop)
    assert first.process.returncode == 0
    assert "Traceback" not in first.log


@pytest.mark.usefixtures("moving_partitions")
@GUARANTEES
def test_a_partition_that_fails_lets_the_others_finish_their_turns(
    guarantee: str, make_world: MakeWorld
) -> None:
    """Where one partition ends the worker, the turns of the others are committed before anyone
    else has them."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(HELLO)
    settings = {**PATIENT, "JOURNEYSTREAM_KAFKA__GUARANTEE": guarantee}
    strict = {**settings, "JOURNEYSTREAM_LIMITS__DEAD_LETTERS_IN_A_ROW": "1"}
    first = Worker(world, "worker-1", settings=strict, program="tests.integration.slow_worker")

    def fail() -> None:
        other = (home_of(USER.encode(), PARTITIONS) + 1) % PARTITIONS
        for _ in range(2):
            world.produce_raw(b"no JSON", partition=other)
        world.flush()
        first.process.wait(PATIENCE)
        first.kill()  # which closes its log

    taken_from(first, world, settings, fail)
    assert first.process.returncode == 1
    assert "dead letter" in first.log
