"""What whoever watches a worker sees while it restores, and when it can not."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from confluent_kafka import Producer

from journeystream.agents.changelog import USER_KEY
from journeystream.embedded_broker import free_port
from journeystream.state.codec import encode_user
from journeystream.state.rocksdb import RocksStore
from journeystream.user import User
from tests.integration.asking import asked, reasons
from tests.integration.conftest import MakeWorld
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import World

MANY = 400_000  # more than lie between two lines of progress, and seconds of work
OPERATOR = 1  # the exit code that asks whoever runs the worker to act


def test_a_restore_can_be_watched(make_world: MakeWorld) -> None:
    """While a damaged directory is rebuilt from a big changelog, `/ready` is 503 and says why, and
    log and metrics tell how far it is; then all is well."""  # noqa: D205, D209  one sentence
    world = make_world()
    _fill_changelog(world, MANY)
    port = free_port()
    _damaged(world.directory / "state-worker-1" / world.app / "0", f"{world.app}/0")
    seen: set[str] = set()

    def is_being_restored() -> bool:
        # Each question may take a good part of the restore: they need not meet the same moment.
        if _metric(port, 'restore_left_records{partition="0"}') > 0:
            seen.add("metric")
        if "partition 0 is being restored" in reasons(port):
            seen.add("reason")
        return len(seen) == 2

    with world.worker("worker-1", "--http-port", str(port)) as worker:
        wait_until(is_being_restored, "a restore that can be seen")
        assert asked(port, "/live")[0] == 200
        wait_until(lambda: asked(port, "/ready")[0] == 200, "readiness")
        assert _metric(port, 'restore_left_records{partition="0"}') == 0
        assert _metric(port, 'state_set_aside_total{partition="0"}') == 1
        assert _metric(port, 'restored_records_total{partition="0"}') == MANY
        told = re.findall(r"partition 0: restored (\d+) changelog records, (\d+) %", worker.log)
    assert told
    assert all(0 < int(share) < 100 for _, share in told)
    assert f"partition 0: restored {MANY} changelog records\n" in worker.log


def test_a_changelog_that_lost_its_beginning_ends_the_command(make_world: MakeWorld) -> None:
    """`journeystream run` ends with exit code 1, and its last line says what to do."""
    world = make_world()
    _fill_changelog(world, 10)
    changelog = f"{world.app}.changelog"
    world.set_topic(changelog, cleanup_policy="delete")  # else the broker refuses to delete
    world.cut_off(changelog, 0, 5)
    with world.doomed_worker() as worker:
        assert worker.process.wait(PATIENCE) == OPERATOR
    last = worker.log.rstrip().splitlines()[-1]
    assert f"{changelog} begins at 5: what lies between was deleted" in last
    assert "bring back a state directory of 5 or later" in last


def _fill_changelog(world: World, count: int) -> None:
    """Let the changelog of partition 0 have a record of each of so many users."""
    producer = Producer({"bootstrap.servers": world.bootstrap})
    for number in range(count):
        user = User(f"u{number}", traits={"n": number})
        while True:
            try:
                producer.produce(
                    f"{world.app}.changelog",
                    encode_user(user),
                    USER_KEY + user.id.encode(),
                    partition=0,
                )
                break
            except BufferError:
                producer.poll(1)
    assert producer.flush(PATIENCE) == 0


def _damaged(directory: Path, identity: str) -> None:
    """Make a state directory that has lost the file by which RocksDB begins to read it."""
    RocksStore(directory, identity=identity).close()
    (directory / "CURRENT").unlink()


def _metric(port: int, name: str) -> float:
    """Return a metric of the worker; -1 while it is not told."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return -1
    found = [line.split()[1] for line in lines if line.startswith(f"journeystream_{name} ")]
    return float(found[0]) if found else -1
