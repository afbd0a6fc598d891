"""What a worker says of itself over HTTP, against what is so."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from journeystream.embedded_broker import EmbeddedBroker, free_port
from tests.integration.asking import asked
from tests.integration.conftest import MakeWorld
from tests.integration.hello import HELLO
from tests.integration.waiting import wait_until
from tests.integration.world import PARTITIONS, Worker, World

SOME_EVENTS = [{"type": "track", "event": "Signed Up", "userId": f"u{n}"} for n in range(40)]


def test_a_worker_is_ready_when_its_partitions_are_recovered(make_world: MakeWorld) -> None:
    """`/ready` is 503 with reasons until every partition runs, then 200; `/live` is 200 before."""
    world = make_world()
    port = free_port()
    world.publish(HELLO)
    with world.worker("worker-1", "--http-port", str(port)):
        wait_until(lambda: asked(port, "/live")[0] == 200, "a sign of life")
        wait_until(lambda: asked(port, "/ready")[0] == 200, "readiness")
        _, told = asked(port, "/ready")
        assert told["partitions"] == {str(n): "running" for n in range(PARTITIONS)}
        assert told["reasons"] == []
        world.produce(SOME_EVENTS)
        world.settle()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
    assert 'journeystream_events_total{outcome="applied"' in metrics


def test_a_worker_without_its_broker_is_alive_but_not_ready(tmp_path: Path) -> None:
    """When Kafka goes away, `/ready` turns 503 and says so, and `/live` stays 200: a restart
    would not help."""  # noqa: D205, D209  one sentence
    port = free_port()
    with EmbeddedBroker(tmp_path / "broker") as broker:
        world = World(tmp_path, broker.bootstrap)
        world.publish(HELLO)
        worker = Worker(world, "worker-1", "--http-port", str(port))
        wait_until(lambda: asked(port, "/ready")[0] == 200, "readiness")
    wait_until(
        lambda: "Kafka does not answer" in asked(port, "/ready")[1].get("reasons", []), "the truth"
    )
    assert asked(port, "/live")[0] == 200
    worker.kill()


def test_a_worker_whose_turn_stands_still_is_not_alive(make_world: MakeWorld) -> None:
    """A turn that does not come to its end turns `/live` to 503: only a restart can help."""
    world = make_world()
    port = free_port()
    world.publish(HELLO)
    worker = Worker(
        world, "worker-1", "--http-port", str(port), program="tests.integration.standing_worker"
    )
    wait_until(worker.holds_all, "the partitions")
    assert asked(port, "/live")[0] == 200
    world.produce(SOME_EVENTS[:1])
    wait_until(lambda: asked(port, "/live")[0] == 503, "the truth")
    assert "a turn has taken" in asked(port, "/live")[1]["reasons"][0]
    worker.kill()
    with world.worker("worker-1"):
        world.settle()
    assert len(world.received("email")) == 1


@pytest.mark.usefixtures("moving_partitions")
def test_a_rolling_restart_moves_nothing(make_world: MakeWorld) -> None:
    """A worker that stops and comes back under its name within the session keeps its partitions:
    the other worker never notices."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(HELLO)
    patient = {"JOURNEYSTREAM_KAFKA__SESSION_TIMEOUT": "40 seconds"}
    with world.worker("worker-2", settings=patient) as other:
        first = Worker(world, "worker-1", settings=patient)
        wait_until(lambda: "taken over" in first.log, "a share for the first worker")
        wait_until(lambda: other.log.count("taken over") > other.log.count("let go"), "the rest")
        before = other.log.count("let go")
        assert first.stop() == 0
        world.produce(SOME_EVENTS)
        with world.worker("worker-1", settings=patient):
            world.settle()
            assert other.log.count("let go") == before
    assert len(world.received("email")) == len(SOME_EVENTS)
