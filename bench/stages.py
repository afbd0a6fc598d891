"""Part G: where the CPU of an event goes, stage by stage, in one process without Kafka.

The stages are those of a turn (agents/partition.py), on the load of part A, with the five use
cases and a real RocksDB. What a worker needs beyond their sum (part A: fetching, producing, the
transaction, the event loop) is the shell's. The best of several runs counts: what disturbs a run
only ever makes it slower.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka.record.default_records import DefaultRecord

from bench.figures import Figures
from bench.part import Part
from bench.processes import ROOT
from bench.product import USE_CASES
from bench.stage import Stage
from bench.workload import USERS, events
from journeystream.agents.batch import Batch
from journeystream.agents.decode import DecodeLimits
from journeystream.agents.intake import Sorter
from journeystream.compiler import compile_journey
from journeystream.definitions import JourneyDefinition, read_definitions
from journeystream.engine import Rules
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import Project, load_project
from journeystream.publishing import workshop_of
from journeystream.sinks.routing import Routing
from journeystream.state.codec import PartitionState
from journeystream.state.rocksdb import RocksStore, shared_cache
from journeystream.state.store import Store, changes_of
from journeystream.turn import take_turn
from journeystream.user import NEVER
from journeystream.worker import collect_seldom

_BATCH = 5_000
_CACHE_MB = 64
_LIMITS = DecodeLimits(1 << 20, 86_400_000_000, 0, replay=True)
_STAGES = {
    "decode": "JSON and time of each record",
    "turn": "the engine, with timers and reading of state",
    "outputs": "Entered, Exited and list updates as records",
    "changes": "users that changed as records",
    "save": "one write batch into RocksDB",
}


@dataclass(frozen=True)
class Plan:
    """With how many events, and how often."""

    events: int = 300_000
    rounds: int = 3

    def __str__(self) -> str:
        """Tell it in the facts."""
        return f"{self.events:,} events, {USERS:,} users (Zipf 1.05); the best of {self.rounds}"


QUICK = Plan(30_000, 1)


def measure(stage: Stage, plan: Plan, figures: Figures) -> None:
    """Add a row for each stage."""
    project = load_project(ROOT / "examples" / "journeystream.yaml")
    rules = Rules(_journeys(project))
    log = list(_batches(plan.events))
    collect_seldom()  # as a worker does
    best: Counter[str] | None = None
    for _ in range(plan.rounds):
        tell = stage.begin("stages", plan.events)
        with tempfile.TemporaryDirectory() as directory:
            store = RocksStore(Path(directory) / "0", shared_cache(_CACHE_MB), identity="bench/0")
            found = _run(log, rules, Routing(project.destinations), store, tell)
            store.close()
        if best is None or found.total() < best.total():
            best = found
    if best is not None:
        for name, what in _STAGES.items():
            micros = best[name] / plan.events / 1_000
            figures.rows.append([name, what, round(micros, 1), f"{best[name] / best.total():.0%}"])
        figures.rows.append(["all", "", round(best.total() / plan.events / 1_000, 1), "100%"])


def _run(
    log: list[Batch],
    rules: Rules,
    routing: Routing,
    store: Store,
    tell: Callable[[int], None],
) -> Counter[str]:
    """Return nanoseconds of CPU by stage."""
    spent: Counter[str] = Counter()
    clock, now = NEVER, time.process_time_ns()

    def ended(stage: str) -> None:
        nonlocal now
        began, now = now, time.process_time_ns()
        spent[stage] += now - began

    done, sorter = 0, Sorter(_LIMITS, "dead-letters")
    for batch in log:
        now = time.process_time_ns()
        entries = sorter.sort(batch, interest=rules.journeys.interest).entries
        ended("decode")
        turn = take_turn(entries, clock, store, rules)
        clock = turn.clock
        ended("turn")
        list(routing.records(turn.effects))
        ended("outputs")
        changes = changes_of(turn)
        ended("changes")
        store.save(changes, PartitionState(clock=clock))
        ended("save")
        turn.tell_met(store.met(rules.journeys))
        done += len(batch.records)
        tell(done)
    return spent


def _batches(count: int) -> Iterator[Batch]:
    """Yield the load as a worker fetches it."""
    records = [
        DefaultRecord(offset, each.at, 0, each.user.encode(), each.value, [])
        for offset, each in enumerate(events(count))
    ]
    for first in range(0, count, _BATCH):
        some = records[first : first + _BATCH]
        yield Batch("events", 0, some, first, first + len(some))


def _journeys(project: Project) -> Journeys:
    workshop = workshop_of(project)
    compiled = {
        each.id: compile_journey(each, 1, keys_of(each, {}, project.limits.key), workshop)
        for file in USE_CASES
        for each in read_definitions(file)
        if isinstance(each, JourneyDefinition)
    }
    versions = {(id_, 1): journey for id_, journey in compiled.items()}
    return Journeys(versions=versions, heads=compiled, admitting=frozenset(compiled))


PART = Part("stages", "Stages", ["stage", "what", "CPU µs/event", "share"], measure)
