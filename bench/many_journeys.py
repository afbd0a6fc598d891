"""Part D: what an event costs when many journeys are live, that it touches and that it does not.

In this process, without Kafka, by the same calls that a worker makes: decode, turn, routing, the
new records, one RocksDB save per batch. Rounds are interleaved; figures are medians of CPU time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from aiokafka.structs import ConsumerRecord

from bench.figures import Figures
from bench.part import Part
from bench.stage import Stage
from bench.workload import plain
from journeystream.agents.batch import Batch
from journeystream.agents.decode import DecodeLimits
from journeystream.agents.intake import Sorter
from journeystream.compiler import Workshop, compile_journey
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.engine import Rules
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import EventDestination, Limits
from journeystream.sinks.routing import Routing
from journeystream.state.rocksdb import RocksStore, shared_cache
from journeystream.state.store import changes_of
from journeystream.turn import take_turn
from journeystream.worker import collect_seldom

_COLUMNS = [
    "what the event does",
    "live journeys",
    "events",
    "CPU µs/event",
    "of that at the fewest",
]
_EVENT = "Product Viewed"
_LONGEST_KEY = 255
_BLOCK_CACHE_MB = 64
_START = 1_704_067_200_000
_STEP = 1_000  # milliseconds between two events

UNTOUCHED = "touches no journey"
ASKED = "is asked for by all, and lets nobody in"
ENTERS = "enters and leaves all, and is sent by each"
_CONDITIONS: Mapping[str, Callable[[int], dict[str, object]]] = {
    UNTOUCHED: lambda number: {"event": f"Something Else {number}"},
    # Each journey has a question of its own, and no event has a price.
    ASKED: lambda number: {"event": _EVENT, "where": {"price": {"greater_than": number}}},
    ENTERS: lambda _: {"event": _EVENT},
}
# What an event costs then, very roughly, in events that touch no journey.
_COSTS = {UNTOUCHED: 1, ASKED: 10, ENTERS: 100}


@dataclass(frozen=True)
class Plan:
    """How many journeys are live, events per round, users, events per batch, rounds."""

    journeys: Sequence[int] = (5, 50, 500)
    events: int = 40_000
    users: int = 4_000
    batch: int = 2_000
    rounds: int = 5

    def __str__(self) -> str:
        """Tell it in the facts."""
        return (
            f"{self.users:,} users in turn, batches of {self.batch:,} events; medians of "
            f"{self.rounds} rounds; in process, without Kafka"
        )

    def events_for(self, kind: str) -> int:
        """Return how many events take a second or so where many journeys are live."""
        return self.events // _COSTS[kind]


QUICK = Plan((5, 50), 10_000, 500, 1_000, 3)


def measure(stage: Stage, plan: Plan, figures: Figures) -> None:
    """Add a row for each kind of journeys and each number of them."""
    cases = [(kind, count) for kind in _CONDITIONS for count in plan.journeys]
    live = {case: journeys_of(*case) for case in cases}
    micros: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    tell = stage.begin("many journeys", plan.rounds * len(cases))
    collect_seldom()  # as a worker does
    for turn in range(plan.rounds):
        for index, case in enumerate(cases):
            micros[case].append(_cpu_micros(live[case], plan.events_for(case[0]), plan))
            tell(turn * len(cases) + index + 1)
    for kind, count in cases:
        cost = median(micros[kind, count])
        least = median(micros[kind, min(plan.journeys)])
        events = plan.events_for(kind)
        figures.rows.append([kind, count, events, cost, f"{cost / least:.2f} x"])


def journeys_of(kind: str, count: int) -> Journeys:
    """Return so many live journeys of a kind."""
    workshop = Workshop(ZoneInfo("UTC"), {}, lambda _: {})
    heads = {}
    for number in range(count):
        definition = parse_definition(_definition(kind, number), kind)
        if not isinstance(definition, JourneyDefinition):
            raise TypeError(kind)
        keys = keys_of(definition, {}, _LONGEST_KEY)
        heads[definition.id] = compile_journey(definition, 1, keys, workshop)
    return Journeys(
        versions={(id_, 1): head for id_, head in heads.items()},
        heads=heads,
        admitting=frozenset(heads),
    )


def _definition(kind: str, number: int) -> dict[str, object]:
    return {
        "id": f"journey_{number}",
        "name": f"Journey {number}",
        "entry": {"condition": _CONDITIONS[kind](number), "reentry": "after_exit"},
        "at_end": "exit",
        "steps": [{"id": "greet", "type": "send_to_destinations", "destinations": ["email"]}],
    }


def _cpu_micros(journeys: Journeys, events: int, plan: Plan) -> float:
    """Return CPU microseconds per event, on a store of its own."""
    records = [_record(number, plan.users) for number in range(events)]
    limits = Limits()
    sorter = Sorter(
        DecodeLimits(
            message_bytes=limits.message_bytes,
            clock_skew=limits.clock_skew_micros,
            oldest_event=limits.oldest_event_instant,
            replay=True,
        ),
        "dead-letters",
    )
    routing = Routing([EventDestination(name="email", type="event", topic="email")])
    rules = Rules(journeys)
    with TemporaryDirectory(prefix="journeystream-bench-") as directory:
        store = RocksStore(Path(directory) / "0", shared_cache(_BLOCK_CACHE_MB))
        state = store.partition()
        began = time.process_time()
        for first in range(0, events, plan.batch):
            some = records[first : first + plan.batch]
            intake = sorter.sort(Batch("events", 0, some, first, first + len(some)))
            turn = take_turn(intake.entries, state.clock, store, rules)
            sent = sum(1 for _ in routing.records(turn.effects))
            state.clock = turn.clock
            store.save(changes_of(turn), state)
            turn.tell_met(store.met(journeys))
            if turn.failures or sent != len(turn.effects):
                raise RuntimeError(f"the engine failed: {turn.failures[:1]}")
        spent = time.process_time() - began
        store.close()
    return spent * 1_000_000 / events


def _record(number: int, users: int) -> ConsumerRecord:
    at = _START + number * _STEP
    event = plain(_EVENT, f"u{number % users:06d}", at)
    # A user comes again: the messageId must be another one, or it is a repeat.
    value = event.value.replace(b'"messageId":"', f'"messageId":"{number}-'.encode(), 1)
    return ConsumerRecord(
        topic="events",
        partition=0,
        offset=number,
        timestamp=at,
        timestamp_type=0,
        key=event.user.encode(),
        value=value,
        checksum=None,
        serialized_key_size=len(event.user),
        serialized_value_size=len(value),
        headers=(),
    )


PART = Part("many_journeys", "Many journeys", _COLUMNS, measure)
