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


def test_a_worker_ends_on_sigterm_although_its_broker_is_gone(tmp_path: Path) -> None:
    """After the broker has died under it, SIGTERM ends the worker well within a minute."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        world = World(tmp_path, broker.bootstrap)
        file = tmp_path / "hello.yaml"
        file.write_text(JOURNEY, encoding="utf-8")
        world.cli("publish", file)
        worker = Worker(world, "worker-1")
        world.produce([{"type": "track", "event": "Signed Up", "userId": "u1"}])
        wait_until(lambda: bool(world.received("email")), "the first Entered")
    worker.stop(within=45)
