"""`simulate` beside what workers did with the same events: nobody can tell the two apart."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import pytest

from journeystream.agents.census import JourneyCount, take_census
from journeystream.broker_access import BrokerAccess
from journeystream.project import load_project
from tests.integration.conftest import MakeWorld
from tests.integration.shop_load import DEMO, END, JOURNEYS, chunks
from tests.integration.world import World

REMIND = """\
id: remind
name: Remind
entry: {condition: {event: Viewed}}
exits: [{name: bought, condition: {event: Bought, since: entry}}]
steps:
  - {id: hour, type: wait_for_duration, duration: 1 hour, next: sent}
  - {id: sent, type: send_to_destinations, destinations: [email]}
"""


def simulated(world: World, *words: object) -> Any:  # noqa: ANN401 -- JSON
    """Return what `simulate --json` prints."""
    return json.loads(world.cli("simulate", *map(str, words), "--json"))


def test_a_simulation_is_what_the_workers_did(make_world: MakeWorld) -> None:
    """Of the shop's half year: entries, places, exits, ways and messages, journey by journey."""
    world = make_world(more="travel_log: '{app}-travels'")
    world.cli("publish", *JOURNEYS)
    for chunk in chunks():
        world.produce(chunk)
    world.mark_clock(END)
    with world.worker():
        world.settle()
    census = asyncio.run(take_census(f"{world.app}.changelog", BrokerAccess(world.bootstrap)))
    messages, edges = _messages(world), _edges(world)
    for file in JOURNEYS:
        of_topic = simulated(world, file.stem, "--others", "--topic", world.source)
        found = of_topic["simulated"]
        assert _counted(found) == census.journeys[file.stem]
        assert {
            (each["destination"], change): each[change]
            for each in found["messages"]
            for change in ("entered", "exited")
        } == messages[file.stem]
        assert {
            (each["step"], each["next"], each["branch"]): each["passes"]
            for each in found["edges"]
            if not each["ends"]
        } == edges[file.stem]
    # The same events in a file, and nobody beside the last one: none of the shop's reads another.
    events = "--events", DEMO / "shop_events.jsonl.gz"
    of_file = simulated(world, JOURNEYS[-1], *events, "--until", END)
    assert {**of_file["simulated"], "label": "version 1"} == found
    assert of_file["read"] == of_topic["read"]


def _counted(found: dict[str, Any]) -> JourneyCount:
    return JourneyCount(
        found["entered"], found["inside"], Counter(found["standing"]), Counter(found["exits"])
    )


def _messages(world: World) -> dict[str, Counter[tuple[str, str]]]:
    """Return journey -> how often each destination was told of what."""
    told: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for destination in load_project(world.file).destinations:
        journey_of_list: dict[str, str] = {}
        for each in world.received(destination.name):
            list_ = each.key.partition("/")[0]
            if each.value is None:
                told[journey_of_list[list_]][destination.name, "exited"] += 1
                continue
            context = each.value["context"]
            journey_of_list[list_] = journey = context["journey"]["id"]
            told[journey][destination.name, "exited" if "exit" in context else "entered"] += 1
            told[journey][destination.name, "exited"] += 0
    return told


def _edges(world: World) -> dict[str, Counter[tuple[str, str, str]]]:
    """Return journey -> how often each way was gone, as the travel log says."""
    gone: dict[str, Counter[tuple[str, str, str]]] = defaultdict(Counter)
    for message in world.read(f"{world.app}-travels"):
        row = json.loads(message.value() or b"")
        if row["parent_id"]:
            branch = row["split_condition_name"] or row["test_group_name"]
            gone[row["journey_id"]][row["parent_id"], row["stage_id"], branch] += 1
    return gone


def test_versions_that_are_published_are_compared(make_world: MakeWorld) -> None:
    """A journey is played against an older version of itself, and against a draft."""
    world = make_world()
    world.publish(REMIND)
    world.publish(REMIND.replace("1 hour", "10 minutes"))
    day = "2024-03-01T"
    world.produce(
        [
            {"type": "track", "event": name, "userId": "u1", "timestamp": f"{day}{at}Z"}
            for name, at in (("Viewed", "10:00:00"), ("Bought", "10:30:00"))
        ]
    )
    played = "--topic", world.source
    told = simulated(world, "remind", "--against", "1", *played)
    assert (told["simulated"]["label"], told["against"]["label"]) == ("version 2", "version 1")
    assert (told["simulated"]["messages"], told["against"]["messages"]) == (
        [{"destination": "email", "entered": 1, "exited": 1}],
        [],
    )
    assert told["difference"]["path"] == 1
    draft = world.directory / "draft.yaml"
    draft.write_text(REMIND.replace("1 hour", "10 minutes"), encoding="utf-8")
    told = simulated(world, "remind", "--against", draft, *played)
    assert told["difference"] == {"entry": 0, "path": 0, "end": 0, "users": []}


@pytest.mark.parametrize("keyed", [True, False])
def test_partitions_are_played_as_workers_apply_them(make_world: MakeWorld, keyed: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    """Re-keyed records meet in their user's partition, by their times; bad ones are told."""
    world = make_world(keyed=keyed)
    world.publish(REMIND)
    day = "2024-03-01T"
    for partition, name, at in ((2, "Viewed", "10:00:00Z"), (0, "Bought", "10:30:00Z")):
        event = {"type": "track", "event": name, "userId": "u1", "timestamp": f"{day}{at}"}
        moment = datetime.fromisoformat(f"{day}{at}")
        world.produce_raw(json.dumps(event).encode(), "other", partition, moment)
        world.produce_raw(b"junk", "other", partition, moment)
    world.flush()
    told = simulated(world, "remind", "--topic", world.source)
    assert (told["read"]["events"], told["read"]["refused"][0]["records"]) == (2, 2)
    # A source that wrongly promises to be keyed by user has two users of that id.
    assert told["simulated"]["exits"] == ({} if keyed else {"exit_condition: bought": 1})
