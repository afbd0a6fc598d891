"""State directories are damaged, and disks get full, while real workers walk real journeys.

The load is the first sixth of the shop's half year. Destinations must not be able to tell.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.oracle import actual_outputs, expected_outputs
from tests.integration.shop_load import END, JOURNEYS, chunks, lag_of
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import Worker, World

OPERATOR = 1  # the exit code that asks whoever runs the worker to act
BLOCK = 4096


def flip_tables(directory: Path) -> None:
    """Turn a bit in every block of every table but the smallest, the position's."""
    _, *others = sorted(directory.glob("*.sst"), key=lambda file: file.stat().st_size)
    for table in others:
        data = bytearray(table.read_bytes())
        for at in range(100, len(data) - BLOCK, BLOCK):
            data[at] ^= 1
        table.write_bytes(data)


def cut_list_of_files(directory: Path) -> None:
    """Let the MANIFEST lose its second half."""
    [file] = directory.glob("MANIFEST-*")
    os.truncate(file, file.stat().st_size // 2)


def garble_log(directory: Path) -> None:
    """Write over the second half of the write-ahead log."""
    log = max(directory.glob("*.log"), key=lambda file: file.stat().st_size)
    data = log.read_bytes()
    log.write_bytes(data[: len(data) // 2] + bytes(byte ^ 0x55 for byte in data[len(data) // 2 :]))


def delete_current(directory: Path) -> None:
    """Delete the file that says which MANIFEST counts."""
    (directory / "CURRENT").unlink()


@pytest.mark.parametrize(
    ("end", "damage", "stands"),
    [
        ("stop", flip_tables, "aside"),
        ("stop", cut_list_of_files, "aside"),
        ("kill", delete_current, "aside"),
        # What a log has lost, the changelog has.
        ("kill", garble_log, "in place"),
    ],
)
def test_damaged_state_is_set_aside_and_rebuilt(
    end: str, damage: Callable[[Path], None], stands: str, make_world: MakeWorld
) -> None:
    """A worker whose directory was damaged goes on from the changelog; outputs are the same."""
    world = make_world()
    first, second = _published(world)
    worker = Worker(world, "worker-1")
    _have_begun(world, first)
    worker.stop() if end == "stop" else worker.kill()
    directory = worker.state / world.app / "0"
    damage(directory)
    world.produce(second)
    world.mark_clock(END)
    # Damage that only reading meets ends a worker, once.
    for _ in range(2):
        worker = Worker(world, "worker-1")
        wait_until(partial(_has_ended_or_settled, worker, world), "the end of the load")
        if worker.process.poll() is None:
            break
        worker.kill()  # which has ended already; its log is closed
        assert worker.process.returncode == OPERATOR, _log(world)
        assert "it is damaged (" in _log(world)
    assert worker.stop() == 0
    _compare(world)
    assert directory.with_name("0.corrupt-1").exists() is (stands == "aside")
    line = "set aside as 0.corrupt-1, the changelog rebuilds it"
    assert (line in _log(world)) is (stands == "aside")


def test_a_full_disk_stops_the_worker_and_loses_nothing(make_world: MakeWorld) -> None:
    """A worker without room ends and says what to do; with room it goes on; outputs are equal."""
    world = make_world()
    first, second = _published(world)
    worker = Worker(world, "worker-1")
    _have_begun(world, first)
    # From here on no file of the worker may grow beyond this; its own log is far below it.
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (40_000, 40_000))
    world.produce(second)
    assert worker.process.wait(PATIENCE) == OPERATOR
    worker.kill()  # which has ended already; its log is closed
    said = _log(world).rstrip()
    assert "can not be written (" in said
    assert said.endswith("the turn is committed, nothing is lost; free space and start again")
    with world.worker():
        world.mark_clock(END)
        world.settle()
    _compare(world)
    assert not list(worker.state.rglob("*.corrupt-*"))


def _published(world: World) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Publish the journeys; return the load in two halves."""
    world.cli("publish", *JOURNEYS)
    load = next(chunks())
    return load[: len(load) // 2], load[len(load) // 2 :]


def _have_begun(world: World, events: list[dict[str, Any]]) -> None:
    """Produce events and wait until those of partition 0, whose state is damaged, are applied."""
    world.produce(events)
    wait_until(partial(_is_applied, world), "partition 0")


def _is_applied(world: World) -> bool:
    return f"{world.source}/0" not in world.lag()


def _has_ended_or_settled(worker: Worker, world: World) -> bool:
    return worker.process.poll() is not None or lag_of(world) == 0


def _log(world: World) -> str:
    return (world.directory / "worker-1.log").read_text(encoding="utf-8")


def _compare(world: World) -> None:
    expected, actual = expected_outputs(world, JOURNEYS), actual_outputs(world)
    assert sum(map(len, expected.values())) > 100, "the load yields too little to compare"
    assert actual == expected
