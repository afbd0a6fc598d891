"""What the outputs must be: the pure engine over each partition's whole log, in one piece.

No batches, no crashes, no commits: the same log, read back from the broker, goes through one
turn per partition. Restarts and rebalances must not be visible in a comparison with this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.compiler import compile_journey
from journeystream.definitions import JourneyDefinition, read_definitions
from journeystream.engine import Rules
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import Project, load_project
from journeystream.publishing import workshop_of
from journeystream.repeats import Memory
from journeystream.sinks.records import OutRecord
from journeystream.sinks.routing import Routing
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.integration.world import World

Outputs = dict[tuple[str, bytes], list[bytes | None]]


def expected_outputs(world: World, files: list[Path]) -> Outputs:
    """Return (topic, key) -> values in order, as the source topic's log demands them."""
    expected = expected_records(world, files)
    return {place: [record.value for record in records] for place, records in expected.items()}


def expected_records(world: World, files: list[Path]) -> dict[tuple[str, bytes], list[OutRecord]]:
    """Return (topic, key) -> records in order, as the source topic's log demands them."""
    project = load_project(world.file)
    limits = DecodeLimits(
        project.limits.message_bytes,
        project.limits.clock_skew_micros,
        project.limits.oldest_event_instant,
        replay=True,
    )
    memory = Memory(project.limits.dedup_window_micros, project.limits.dedup_ids)
    rules = Rules(compiled_journeys(project, files), memory=memory)
    logs = defaultdict(list)
    for message in world.read(world.source):
        logs[message.partition()].append(
            decode(message.value(), message.timestamp()[1] * 1_000, limits)
        )
    outputs: dict[tuple[str, bytes], list[OutRecord]] = defaultdict(list)
    routing = Routing(project.destinations)
    for log in logs.values():
        turn = take_turn(log, NEVER, MemoryStore(), rules)
        for record in routing.records(turn.effects):
            outputs[record.topic, record.key or b""].append(record)
    return dict(outputs)


def actual_outputs(world: World) -> Outputs:
    """Return (topic, key) -> values in order, as destinations can read them."""
    outputs: Outputs = defaultdict(list)
    for destination in load_project(world.file).destinations:
        for message in world.read(destination.topic):
            outputs[destination.topic, message.key() or b""].append(message.value())
    return dict(outputs)


def outputs_without_repeats(world: World) -> Outputs:
    """Return the same, of messages that came again with the same id only the first.

    One that has an id from before and says something else counts as another.
    """
    outputs: dict[tuple[str, bytes], dict[tuple[str, bytes | None], None]] = defaultdict(dict)
    for destination in load_project(world.file).destinations:
        for message in world.read(destination.topic):
            headers: Any = dict(message.headers() or [])
            id_ = message_id(message.value(), headers)
            outputs[destination.topic, message.key() or b""][id_, message.value()] = None
    return {place: [value for _, value in found] for place, found in outputs.items()}


def message_id(value: bytes | None, headers: Mapping[str, bytes]) -> str:
    """Return a message's id, which lists carry in a header because a removal has no value."""
    if "messageId" in headers:
        return headers["messageId"].decode()
    assert value is not None
    found = orjson.loads(value)["messageId"]
    assert isinstance(found, str)
    return found


def compiled_journeys(project: Project, files: list[Path]) -> Journeys:
    """Compile the journeys of files as they are when first published."""
    workshop = workshop_of(project)
    compiled = {
        each.id: compile_journey(each, 1, keys_of(each, {}, project.limits.key), workshop)
        for file in files
        for each in read_definitions(file)
        if isinstance(each, JourneyDefinition)
    }
    return Journeys(
        versions={(id_, 1): journey for id_, journey in compiled.items()},
        heads=compiled,
        admitting=frozenset(compiled),
    )
