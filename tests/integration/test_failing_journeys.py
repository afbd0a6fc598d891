"""A bug in one journey stops neither other journeys, nor other users, nor a partition."""

from __future__ import annotations

import urllib.request

from journeystream.embedded_broker import free_port
from tests.integration.conftest import MakeWorld
from tests.integration.reading import Received
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World

JOURNEY = """\
id: {id}
name: {id}
entry: {{condition: {{event: Signed Up}}}}
steps:
  - id: wait
    type: wait_for_condition
    condition: {{event: Ordered, since: entry}}
    next: greet
  - {{id: greet, type: send_to_destinations, destinations: [{destination}]}}
"""
USERS = [f"x{n}" for n in range(5)] + [f"y{n}" for n in range(5)]
MARK = "2024-01-02T00:00:00Z"


def test_a_mended_worker_takes_stuck_users_on(make_world: MakeWorld) -> None:
    """While a journey fails on some users, everything else goes on; a worker without the bug
    takes them on by itself, and every message comes once."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(JOURNEY.format(id="unlucky", destination="email"))
    world.publish(JOURNEY.format(id="lucky", destination="in_app"))
    port = free_port()
    options = ("--http-port", str(port))
    faulty = Worker(world, "worker-1", *options, program="tests.integration.faulty_worker")
    for event in ("Signed Up", "Ordered"):
        world.produce({"type": "track", "event": event, "userId": user} for user in USERS)
    wait_until(lambda: not world.lag(), "the lag to end")
    assert _told(world.received("in_app")) == sorted(USERS)
    assert _told(world.received("email")) == [user for user in USERS if user.startswith("y")]
    assert _failures(port) == 5
    assert faulty.stop() == 0
    assert world.read(f"{world.app}.dead-letters") == []
    with world.worker("worker-1"):
        wait_until(lambda: len(world.received("email")) >= len(USERS), "the rest")
    assert _told(world.received("email")) == sorted(USERS)


def test_retry_takes_stuck_users_on(make_world: MakeWorld) -> None:
    """`journeystream retry` asks running workers to try again: what still fails stays stuck."""
    world = make_world()
    world.publish(JOURNEY.format(id="unlucky", destination="email"))
    worker = Worker(world, "worker-1", program="tests.integration.faulty_worker")
    for event in ("Signed Up", "Ordered"):
        world.produce({"type": "track", "event": event, "userId": user} for user in USERS)
    wait_until(lambda: not world.lag(), "the lag to end")
    failed = worker.log.count("RuntimeError: a bug")
    assert "live -> live" in world.cli("retry", "unlucky")
    _wake(world)
    wait_until(lambda: worker.log.count("RuntimeError: a bug") == 2 * failed, "another try")
    assert worker.stop() == 0
    assert len(world.received("email")) == 5


def _wake(world: World) -> None:
    """Give every partition something to do, so that it looks at the control topic."""
    world.mark_clock(MARK)


def _told(received: list[Received]) -> list[str]:
    return sorted(each.key for each in received)


def _failures(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    counts = [line for line in lines if line.startswith("journeystream_failures_total{")]
    assert all('journey="unlucky"' in line for line in counts)
    return sum(int(float(line.rpartition(" ")[2])) for line in counts)
