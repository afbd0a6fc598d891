"""A worker ends when it is told to, whatever became of Kafka."""

from __future__ import annotations

from pathlib import Path

from journeystream.embedded_broker import EmbeddedBroker
from tests.integration.world import Worker, World, wait_until

JOURNEY = """\
id: hello
name: Hello
entry: {condition: {event: Signed Up}}
steps: [{id: greet, type: send_to_destinations, destinations: [email]}]
"""


def test_a_worker_ends_in_time_although_its_broker_is_gone(tmp_path: Path) -> None:
    """After the broker has died under it, SIGTERM ends the worker within `limits.stop_within`."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        world = World(tmp_path, broker.bootstrap)
        world.publish(JOURNEY)
        worker = Worker(
            world, "worker-1", settings={"JOURNEYSTREAM_LIMITS__STOP_WITHIN": "4 seconds"}
        )
        world.produce([{"type": "track", "event": "Signed Up", "userId": "u1"}])
        wait_until(lambda: bool(world.received("email")), "the first Entered")
    worker.stop(within=6)
