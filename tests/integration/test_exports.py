"""Exports of a travel log that workers have written: killed, gone on with, and measured."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message

from journeystream.project import load_project
from tests.brokers.clients import transactional
from tests.integration.conftest import MakeWorld
from tests.integration.reading import received
from tests.integration.waiting import PATIENCE
from tests.integration.world import World

JOURNEY = """\
id: nudge
name: Nudge
entry: {condition: {event: Began}}
goals:
  - {id: came_back, condition: {event: Came Back}}
exits:
  - {name: gone, condition: {event: Left}}
steps:
  - id: test
    type: percent_split
    paths:
      - {name: mail, share: 50, next: mailed}
      - {name: nothing, share: 50, next: rest, control: true}
    goals:
      - {name: bought, condition: {event: Bought}}
  - {id: mailed, type: send_to_destinations, destinations: [email], next: rest}
  - {id: rest, type: wait_for_duration, duration: 30 days}
"""
USERS = [f"u{number}" for number in range(40)]
AS_OF = "2024-05-01T00:00:00Z"


@pytest.fixture
def walked(make_world: MakeWorld) -> World:
    """Return a world whose worker has told of forty users' ways, and begun more in vain."""
    world = make_world(more="travel_log: {app}-travels")
    world.publish(JOURNEY)
    with world.worker():
        world.produce(_events(range(30)))
        world.settle()
    asyncio.run(_give_up(world, _topic(world)))
    return world


def test_a_killed_export_goes_on(walked: World, tmp_path: Path) -> None:
    """Killed before any step to the disk, again and again: what is in the parts is the topic.

    Then more is told, and another export has that alone; each format has the same rows.
    """
    directories = {format_: tmp_path / format_ for format_ in ("jsonl", "csv", "parquet")}
    assert _export_killed(walked, "jsonl", directories["jsonl"], 1, 4, 9, 13, 20, 30) > 6
    for format_ in ("csv", "parquet"):
        assert _export_killed(walked, format_, directories[format_], 12, 70) > 1
    for format_, directory in directories.items():
        assert _rows(directory) == _told(walked), format_
    before = {path: path.read_bytes() for path in tmp_path.glob("*/partition-*/*/*")}
    with walked.worker():
        walked.produce(_events(range(30, 40)))
        walked.settle()
    for format_, directory in directories.items():
        new = json.loads(_export(walked, format_, directory).stdout)
        assert new["stages"] > 10
        assert _rows(directory) == _told(walked), format_
        again = json.loads(_export(walked, format_, directory).stdout)
        assert again == {"stages": 0, "goals": 0, "paths": 0, "parts": 0}
    assert all(path.read_bytes() == data for path, data in before.items())


def test_the_topic_and_its_export_have_the_same_figures(walked: World, tmp_path: Path) -> None:
    """`measure` tells the same of both; and of users what they did."""
    assert _export(walked, "csv", tmp_path / "out").returncode == 0
    options = ("--json", "--as-of", AS_OF)
    told = walked.cli("measure", "nudge", *options)
    assert walked.cli("measure", *options, "--from-export", tmp_path / "out") == told
    [nudge] = json.loads(told)["journeys"]
    assert nudge["stages"] == {"start": 30, "complete": 0, "exit": 10, "orphan": 0}
    achieved = {each["name"]: 0 for each in nudge["milestones"]}
    for each in nudge["milestones"]:
        achieved[each["name"]] += each["allTime"]
        assert each["medianSeconds"] == {"exit": 10_800, "gone": 10_800}.get(each["name"], 7_200)
    assert achieved == {"came_back": 15, "test.bought": 10, "exit": 10, "gone": 10}
    [split] = nudge["splits"]
    assert sum(path["entered"] for path in split["paths"]) == 30
    assert [path["isControl"] for path in split["paths"]] == [True, False]
    shown = walked.cli("measure", "nudge", "--as-of", AS_OF)
    assert "goal\tcame_back\t\t15\t0\t0\t15\t2.0 hours" in shown
    assert "test\tmail\tmailed" in shown


def _events(numbers: range) -> Iterator[dict[str, Any]]:
    """Yield what users do: all begin, half come back, a third buys, a third leaves."""
    for number in numbers:
        did = [("Began", 10)]
        did += [("Came Back", 12)] if number % 2 == 0 else []
        did += [("Bought", 12)] if number % 3 == 0 else []
        did += [("Left", 13)] if number % 3 == 1 else []
        for name, hour in did:
            at = f"2024-03-01T{hour}:00:00.000Z"
            yield {"type": "track", "event": name, "userId": USERS[number], "timestamp": at}


async def _give_up(world: World, topic: str) -> None:
    """Write to the travel log in a transaction that is given up: nobody may see it."""
    async with transactional(world.bootstrap, f"{world.app}-vain") as producer:
        await producer.begin_transaction()
        for partition in range(4):
            await producer.send_and_wait(topic, b"in vain", b"u1", partition)
        await producer.abort_transaction()


def _topic(world: World) -> str:
    return load_project(world.file).travel_log or ""


def _told(world: World) -> list[tuple[str, ...]]:
    """Return what is in the topic, as another client reads it: kind and fields."""
    return sorted(_fields(message) for message in world.read(_topic(world)))


def _fields(message: Message) -> tuple[str, ...]:
    record = received(message)
    assert record.value is not None
    beside = (record.headers[name] for name in ("messageId", "instance", "instanceEnteredAt"))
    return record.headers["kind"], *map(str, record.value.values()), *beside


def _rows(directory: Path) -> list[tuple[str, ...]]:
    """Return what is in the parts, as other programs read them: kind and fields."""
    rows = []
    for path in directory.glob("partition-*/*/*.*"):
        kind = path.stem.removesuffix("s")
        rows += [(kind, *map(_plain, row.values())) for row in _read(path)]
    return sorted(rows)


def _read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    import duckdb  # noqa: PLC0415  only Parquet needs it

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _plain(value: object) -> str:
    """Write flags and instants as the topic's JSON, read by Python, has them."""
    if hasattr(value, "isoformat"):
        return f"{value.isoformat(timespec='milliseconds')[:23]}Z"
    return {"true": "True", "false": "False"}.get(str(value), str(value))


def _export_killed(world: World, format_: str, directory: Path, *dies_at: int) -> int:
    """Export until it ends by itself, killed at these steps to the disk; return how often."""
    for kills, step in enumerate(cycle(dies_at)):
        done = _export(world, format_, directory, step)
        if done.returncode == 0:
            return kills
        assert done.returncode == -signal.SIGKILL, done.stderr
    raise AssertionError("never")


def _export(
    world: World, format_: str, directory: Path, dies_at: int = 0
) -> subprocess.CompletedProcess[str]:
    options = ("--to", directory, "--format", format_, "--part-rows", "10", "--json")
    program = (sys.executable, "-m", "tests.integration.doomed_export", "-p", world.file)
    return subprocess.run(
        [*program, "export", *options],
        env={**os.environ, "DIES_AT": str(dies_at)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
