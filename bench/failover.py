"""How long the partitions of a worker that dies are nobody's.

Two workers share them; one is killed as by a power cut. The time runs until the other has taken
over the last of them: so it holds the session timeout, and what is read from the changelog.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request

from bench.deployment import Deployment
from bench.processes import Processes, running
from journeystream.embedded_broker import free_port

_LEFT = re.compile(r"^journeystream_restore_left_records\{.*\} (\S+)$", re.MULTILINE)
_PATIENCE = 600.0


def failover_seconds(project: Deployment, standbys: int) -> float:
    """Return how long it takes, with so many standbys for each partition."""
    names = [f"{name}-{standbys}" for name in ("dying", "living")]
    logs = [project.directory / f"{name}.log" for name in names]
    port, partitions = free_port(), project.cluster.partitions
    with running(logs[0], [project.worker(names[0], standbys=standbys)]) as dying:
        project.wait_for_all(dying)
        command = project.worker(names[1], standbys=standbys, port=port)
        with running(logs[1], [command]) as living:

            def shared() -> bool:
                held = project.held(living.log), project.held(dying.log)
                return (
                    all(held)
                    and sum(held) == partitions
                    and _has_caught_up(port, partitions if standbys else held[0])
                )

            living.wait_until(shared, "both workers to be at work", _PATIENCE)
            return _seconds_without(project, dying, living)


def _seconds_without(project: Deployment, dying: Processes, living: Processes) -> float:
    began = time.monotonic()
    dying.kill()
    living.wait_until(
        lambda: project.held(living.log) == project.cluster.partitions, "all partitions", _PATIENCE
    )
    return time.monotonic() - began


def _has_caught_up(port: int, partitions: int) -> bool:
    """Tell whether a worker lacks nothing of so many partitions, its own and those it stands by."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            left = _LEFT.findall(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return len(left) == partitions and not any(map(float, left))
