"""Users who are named by commands, moved and erased, while a worker runs; and what is left."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from journeystream.agents.census import take_census
from journeystream.broker_access import BrokerAccess
from tests.integration.conftest import MakeWorld
from tests.integration.reading import Received
from tests.integration.world import World

JOURNEYS = """\
id: by-hand
name: By hand
entry: {by_name: true}
steps:
  - {id: call, type: send_to_destinations, destinations: [email]}
---
id: vips
name: Whoever is on the list
entry: {condition: {list: vip}, reentry: after_exit}
leave_when_not_in_audience: true
steps:
  - {id: tell, type: send_to_destinations, destinations: [ads, in_app]}
"""

WAY = """\
id: way
name: A way
entry: {by_name: true}
steps:
  - {id: first, type: send_to_destinations, destinations: [email], next: rest}
  - {id: rest, type: wait_for_duration, duration: 1 day, next: last}
  - {id: last, type: send_to_destinations, destinations: [email, ads]}
"""


def test_users_are_named_and_erased(make_world: MakeWorld) -> None:
    """Destinations hear of every entry and exit once; the changelog knows only who is left."""
    world = make_world()
    world.publish(JOURNEYS)
    with world.worker():
        _say(world, 1, "enroll", "by-hand", "u1", "u2")
        _say(world, 1, "enroll", "by-hand", "u1", "u2")  # as one does who saw it fail
        _say(world, 2, "lists", "add", "vip", "u1", "u3")
        assert _members(world) == ["u1", "u3"]
        file = world.directory / "vips.txt"
        file.write_text("u3\nu4\n", encoding="utf-8")
        _say(world, 3, "lists", "replace", "vip", "--file", str(file))
        assert _members(world) == ["u3", "u4"]
        changed = world.directory / "changed.yaml"
        rest = "  - {id: rest, type: wait_for_duration, duration: 1 day, next: tell}\n"
        changed.write_text(JOURNEYS.replace("  - {id: tell", rest + "  - {id: tell"), "utf-8")
        planned = world.cli("publish", changed, "--plan")
        assert "step tell: 2 users stay on their version" in planned
        _say(world, 4, "erase", "u1", "u3", "nobody")
        world.produce([{"type": "delete", "userId": "u2", "timestamp": _at(5)}])
        world.settle()
        assert _members(world) == ["u4"]
    census = asyncio.run(take_census(f"{world.app}.changelog", BrokerAccess(world.bootstrap)))
    assert (census.users, census.journeys["vips"].inside) == (1, 1)
    with world.worker("another"):  # which has nothing but the changelog
        _say(world, 6, "enroll", "by-hand", "u1")
    assert sorted(map(_told, world.received("email"))) == [
        ("u1", 1, "entered"),
        ("u1", 4, "erased"),
        ("u1", 6, "entered"),
        ("u2", 1, "entered"),
        ("u2", 5, "erased"),
    ]
    assert sorted(map(_told, world.received("in_app"))) == [
        ("u1", 2, "entered"),
        ("u1", 3, "left_audience"),
        ("u3", 2, "entered"),
        ("u3", 4, "erased"),
        ("u4", 3, "entered"),
    ]
    assert _on_list(world.received("ads")) == {"u4"}


def test_users_are_moved_and_taken_out(make_world: MakeWorld) -> None:
    """Each command counts once, whoever has the partition; destinations hear all of it."""
    world = make_world()
    world.publish(WAY)
    with world.worker():
        _say(world, 1, "enroll", "way", "u1", "u2", "u3", "u4")
        _say(world, 2, "move", "way", "last", "u1", "u4", "nobody")
        _say(world, 3, "move", "way", "last", "u1")  # as one does who saw it fail
        _say(world, 3, "exit", "way", "u2", "nobody")
    with world.worker("another"):
        _say(world, 4, "exit", "way", "u1")
    assert sorted(map(_told, world.received("email"))) == [
        ("u1", 1, "entered"),
        ("u1", 2, "entered"),
        ("u1", 2, "moved"),
        ("u1", 4, "removed"),
        ("u2", 1, "entered"),
        ("u2", 3, "removed"),
        ("u3", 1, "entered"),
        ("u4", 1, "entered"),
        ("u4", 2, "entered"),
        ("u4", 2, "moved"),
    ]
    assert _on_list(world.received("ads")) == {"u4"}
    census = asyncio.run(take_census(f"{world.app}.changelog", BrokerAccess(world.bootstrap)))
    assert (census.users, census.journeys["way"].inside) == (4, 2)


def _say(world: World, minute: int, *words: str) -> None:
    """Give a command, as of a minute, and wait until it is applied."""
    world.cli(*words, "--at", _at(minute))
    world.settle()


def _at(minute: int) -> str:
    return f"2024-03-01T10:{minute:02}:00.000Z"


def _members(world: World) -> list[str]:
    return [each["userId"] for each in json.loads(world.cli("lists", "show", "vip", "--json"))]


def _told(record: Received) -> tuple[str, int, str]:
    """Return of whom a message tells, the minute, and why they left if they did."""
    message: Any = record.value
    reason = message["context"].get("exit", {"reason": "entered"})["reason"]
    return message["userId"], int(message["timestamp"][14:16]), reason


def _on_list(records: list[Received]) -> set[str]:
    """Return who is left on a compacted list."""
    last = {record.key: record.value for record in records}
    return {key.rpartition("/")[2] for key, value in last.items() if value is not None}
