"""A worker that has nothing to do is there when it is needed."""

from __future__ import annotations

import time

import pytest

from journeystream.embedded_broker import free_port
from tests.integration.asking import asked
from tests.integration.conftest import MakeWorld
from tests.integration.hello import HELLO
from tests.integration.impatient_worker import POLL_SECONDS
from tests.integration.waiting import wait_until
from tests.integration.world import Worker


@pytest.mark.usefixtures("moving_partitions")
def test_a_spare_takes_over_however_long_it_had_no_partition(make_world: MakeWorld) -> None:
    """Who has had nothing to fetch for longer than a consumer may be idle is still in the group."""
    world = make_world(partitions=1)
    world.publish(HELLO)
    port = free_port()
    with world.doomed_worker("worker-1") as first:
        wait_until(lambda: first.held == 1, "the first worker's partition")
        spare = Worker(
            world,
            "worker-2",
            "--http-port",
            str(port),
            program="tests.integration.impatient_worker",
        )
        wait_until(lambda: asked(port, "/ready")[0] == 200, "the spare to join")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 2 * POLL_SECONDS, "it to have been idle")
        assert spare.held == 0
    try:
        wait_until(lambda: spare.held == 1, "the spare to take over")
        world.produce([{"type": "track", "event": "Signed Up", "userId": "u1"}])
        wait_until(lambda: len(world.received("email")) == 1, "the Entered")
    except AssertionError:
        spare.kill()
        raise
    assert spare.stop() == 0
