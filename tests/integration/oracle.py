"""What the outputs must be: the pure engine over each partition's whole log, in one piece.

No batches, no crashes, no commits: the same log, read back from the broker, goes through one
turn per partition. Restarts and rebalances must not be visible in a comparison with this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Message

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.compiler import compile_journey
from journeystream.definitions import JourneyDefinition, read_definitions
from journeystream.engine import Rules
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import Project, load_project
from journeystream.publishing import workshop_of
from journeystream.repeats import Memory
from journeystream.sinks.routing import Routing
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.integration.world import World

Outputs = dict[tuple[str, bytes], list[bytes | None]]


def expected_outputs(world: World, files: list[Path]) -> Outputs:
    """Return (topic, key) -> values in order, as the source topic's log demands them."""
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
    outputs: Outputs = defaultdict(list)
    routing = Routing(project.destinations)
    for log in logs.values():
        turn = take_turn(log, NEVER, MemoryStore(), rules)
        for record in routing.records(turn.effects):
            outputs[record.topic, record.key or b""].append(record.value)
    return dict(outputs)


def actual_outputs(world: World) -> Outputs:
    """Return (topic, key) -> values in order, as destinations can read them."""
    outputs: Outputs = defaultdict(list)
    for place, message in _received(world):
        outputs[place].append(message.value())
    return dict(outputs)


def outputs_without_repeats(world: World) -> Outputs:
    """Return `actual_outputs` without what came before with the same message id and bytes."""
    outputs: dict[tuple[str, bytes], dict[tuple[bytes, bytes | None], None]] = defaultdict(dict)
    for place, message in _received(world):
        headers: Any = dict(message.headers() or [])
        # A removal from a list has no value to hold its id.
        id_ = headers.get("messageId") or orjson.loads(message.value() or b"")["messageId"].encode()
        outputs[place][id_, message.value()] = None
    return {place: [value for _, value in found] for place, found in outputs.items()}


def _received(world: World) -> Iterator[tuple[tuple[str, bytes], Message]]:
    """Yield what destinations can read, by (topic, key)."""
    for destination in load_project(world.file).destinations:
        for message in world.read(destination.topic):
            yield (destination.topic, message.key() or b""), message


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
