"""What a worker says of itself over HTTP, against what is so."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from journeystream.embedded_broker import EmbeddedBroker, free_port
from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import PARTITIONS, Worker, World

HELLO = """\
id: hello
name: Hello
entry: {condition: {event: Signed Up}}
steps: [{id: greet, type: send_to_destinations, destinations: [email]}]
"""
SOME_EVENTS = [{"type": "track", "event": "Signed Up", "userId": f"u{n}"} for n in range(40)]


def _asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the body; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())
    except OSError:  # refused, reset, too slow
        return 0, {}


def _reasons(port: int) -> list[str]:
    told: list[str] = _asked(port, "/ready")[1].get("reasons", [])
    return told


def test_a_worker_is_ready_when_its_partitions_are_recovered(make_world: MakeWorld) -> None:
    """`/ready` is 503 with reasons until every partition runs, then 200; `/live` is 200 before."""
    world = make_world()
    port = free_port()
    world.publish(HELLO)
    with world.worker("worker-1", "--http-port", str(port)):
        wait_until(lambda: _asked(port, "/live")[0] == 200, "a sign of life")
        wait_until(lambda: _asked(port, "/ready")[0] == 200, "readiness")
        _, told = _asked(port, "/ready")
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
        wait_until(lambda: _asked(port, "/ready")[0] == 200, "readiness")
    wait_until(
        lambda: "Kafka does not answer" in _asked(port, "/ready")[1].get("reasons", []), "the truth"
    )
    assert _asked(port, "/live")[0] == 200
    worker.kill()


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
