"""A standby has the state before it is needed."""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import Worker

WAITING = """\
id: waiting
name: Waiting
entry: {condition: {event: Signed Up}}
steps:
  - {id: wait, type: wait_for_duration, duration: 5 days, next: greet}
  - {id: greet, type: send_to_destinations, destinations: [email]}
"""
USERS = 4_000
SESSION = 6.0  # seconds until a dead worker is missed
TAKEN_OVER_WITHIN = 40.0  # on a busy machine; one that is quiet takes a few seconds


@pytest.mark.usefixtures("moving_partitions")
@pytest.mark.parametrize("standbys", [0, 1])
def test_a_standby_has_little_left_to_read(standbys: int, make_world: MakeWorld) -> None:
    """When a worker dies without its disk, a standby reads what came last, not everything; both
    ways every user is greeted once."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(WAITING)
    settings = {"JOURNEYSTREAM_STATE__STANDBYS": str(standbys)}
    first = Worker(world, "worker-1", settings=settings)
    wait_until(first.holds_all, "the first worker's partitions")
    with world.worker("worker-2", settings=settings) as second:
        wait_until(lambda: second.held > 0, "the second worker's share")
        world.produce(
            {
                "type": "track",
                "event": "Signed Up",
                "userId": f"u{n}",
                "timestamp": "2024-01-01T00:00:00Z",
            }
            for n in range(USERS)
        )
        world.settle()
        if standbys:
            wait_until(lambda: "standing by" in second.log, "standbys")
            world.produce_raw(b'{"type": "clock", "timestamp": "2024-01-02T00:00:00Z"}')
            world.settle()
        first.kill()
        began = time.monotonic()
        wait_until(second.holds_all, "the second worker to have all")
        took = time.monotonic() - began
        world.mark_clock("2024-02-01T00:00:00Z")
        world.settle()
        told = re.findall(r": restored (\d+) changelog records\n", second.log)
        restored = sum(map(int, told))
    assert len({each.key for each in world.received("email")}) == USERS
    assert len(world.received("email")) == USERS
    sys.stdout.write(
        f"failover: {took:.1f} s, {SESSION:.0f} s of them the session, {restored:,} records read\n"
    )
    assert took < SESSION + TAKEN_OVER_WITHIN
    # The first worker had half of the users or more.
    assert restored < USERS / 20 if standbys else restored > USERS / 4
