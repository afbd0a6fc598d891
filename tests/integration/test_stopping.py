"""A worker ends when it is told to, whatever became of Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeystream.embedded_broker import EmbeddedBroker, free_port
from tests.integration.conftest import MakeWorld
from tests.integration.hello import HELLO
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World

ENDLESS = """\
id: endless
name: Endless
entry: {condition: {event: a}}
steps:
  - {id: wait, type: wait_for_condition, condition: {event: b, since: entry}, next: greet}
  - {id: greet, type: send_to_destinations, destinations: [email]}
"""


def test_a_worker_ends_in_time_although_its_broker_is_gone(tmp_path: Path) -> None:
    """After the broker has died under it, SIGTERM ends the worker within `limits.stop_within`."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        world = World(tmp_path, broker.bootstrap)
        world.publish(HELLO)
        worker = Worker(
            world, "worker-1", settings={"JOURNEYSTREAM_LIMITS__STOP_WITHIN": "4 seconds"}
        )
        world.produce([{"type": "track", "event": "Signed Up", "userId": "u1"}])
        wait_until(lambda: bool(world.received("email")), "the first Entered")
    worker.stop(within=15)


def test_a_worker_in_a_long_turn_ends_in_time(make_world: MakeWorld) -> None:
    """SIGTERM in the middle of a turn that takes a minute ends the worker in time, and the turn is
    taken again by the next one."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(ENDLESS)
    settings = {"JOURNEYSTREAM_LIMITS__STOP_WITHIN": "2 seconds"}
    worker = Worker(world, "worker-1", settings=settings, program="tests.integration.faulty_worker")
    wait_until(worker.holds_all, "the partitions")
    world.produce([{"type": "track", "event": each, "userId": "u1"} for each in ("a", "b")])
    wait_until(lambda: "a long turn begins" in worker.log, "the turn")
    assert worker.stop(within=15) == 1
    assert "nothing is lost" in worker.log
    with world.worker("worker-1"):
        world.settle()
    assert len(world.received("email")) == 1


@pytest.mark.parametrize("said", [": /ready", "INFO journeys: "])
def test_a_worker_that_is_still_starting_ends_at_once(said: str, make_world: MakeWorld) -> None:
    """SIGTERM before there are partitions ends a worker in good order."""
    world = make_world()
    world.publish(HELLO)
    worker = Worker(world, "worker-1", "--http-port", str(free_port()))
    wait_until(lambda: said in worker.log, "the start")
    assert worker.stop(within=15) == 0
    assert "Traceback" not in worker.log
