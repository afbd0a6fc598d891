"""What the log demands: the engine over each partition in one piece, its outputs and its users."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Message

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.engine import Rules
from journeystream.errors import RejectedEvent
from journeystream.events import Entry
from journeystream.project import Project
from journeystream.repeats import Memory
from journeystream.sinks.routing import Routing
from journeystream.state.codec import encode_user
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER, User
from tests.integration.oracle import Outputs, compiled_journeys

Place = tuple[int, int]  # partition, offset


@dataclass
class Expectation:
    """Outputs by (topic, key); users' records, clocks and ends by partition; where junk lies."""

    outputs: Outputs = field(default_factory=lambda: defaultdict(list))
    users: dict[int, dict[str, bytes]] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)
    clocks: dict[int, int] = field(default_factory=dict)
    ends: Counter[int] = field(default_factory=Counter)
    junk: list[Place] = field(default_factory=list)


def expect(project: Project, files: list[Path], log: Sequence[Message]) -> Expectation:
    """Walk the whole log once."""
    limits = DecodeLimits(
        project.limits.message_bytes,
        project.limits.clock_skew_micros,
        project.limits.oldest_event_instant,
        replay=True,
    )
    memory = Memory(project.limits.dedup_window_micros, project.limits.dedup_ids)
    rules = Rules(compiled_journeys(project, files), memory=memory)
    routing = Routing(project.destinations)
    expected = Expectation()
    entries: dict[int, list[Entry]] = defaultdict(list)
    for message in log:
        partition, offset = message.partition() or 0, message.offset() or 0
        expected.ends[partition] = offset + 1
        try:
            entry = decode(message.value(), message.timestamp()[1] * 1_000, limits)
        except RejectedEvent:
            expected.junk.append((partition, offset))
        else:
            entries[partition].append(entry)
    for partition, batch in entries.items():
        turn = take_turn(batch, NEVER, MemoryStore(), rules)
        assert not turn.failures, turn.failures[0]
        expected.clocks[partition] = turn.clock
        expected.users[partition] = {id_: encode_user(user) for id_, user in turn.changed.items()}
        expected.people.update(turn.changed)
        for record in routing.records(turn.effects):
            expected.outputs[record.topic, record.key or b""].append(record.value)
    return expected
