"""Part F: events per second by partitions and processes, and CPU per event as users grow.

The contestants of part A, on the same kind of load: the five use cases, exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.cluster import PARTITIONS, Cluster
from bench.contest import Contest
from bench.figures import Figures
from bench.part import Part
from bench.product import USE_CASES, journeystream
from bench.stage import Stage
from bench.throughput import Race, produce
from bench.workload import USERS

_COLUMNS = [
    "partitions",
    "processes",
    "users",
    "users seen",
    "events/s",
    "CPU µs/event",
    "peak MB",
    "remark",
]


@dataclass(frozen=True)
class Plan:
    """Which partitions, processes and users are tried, with how many events, how long at most."""

    partitions: Sequence[int] = (1, 4, 8)
    processes: Sequence[int] = (1, 2)
    users: Sequence[int] = (10_000, 100_000, 1_000_000)
    events: int = 500_000
    cap: float = 20.0

    def __str__(self) -> str:
        """Tell it in the facts."""
        return (
            f"{self.events:,} events, users Zipf 1.05; five use cases, exactly once; one run each"
        )

    def loads(self) -> Iterator[tuple[int, int]]:
        """Yield partitions and users of each load, each once."""
        yield from ((number, USERS) for number in self.partitions)
        yield from ((PARTITIONS, users) for users in self.users if users != USERS)

    def runs(self, partitions: int, users: int) -> Iterator[int]:
        """Yield with how many processes a load is run."""
        # Two processes can not share one partition.
        yield from (n for n in self.processes if n <= partitions and (users == USERS or n == 1))


QUICK = Plan((1, 4), (1, 2), (1_000, 100_000), 100_000, 10.0)


def measure(stage: Stage, plan: Plan, figures: Figures) -> None:
    """Add a row for each way to run."""
    for partitions, users in plan.loads():
        cluster = Cluster(stage.cluster.bootstrap, partitions)
        told = stage.begin(f"growth: {partitions} partitions, {users:,} users", plan.events)
        load = produce(cluster, plan.events, told, users)
        for processes in plan.runs(partitions, users):
            figures.rows.append(_row(stage, Race(cluster, load, plan.cap), users, processes))
        cluster.delete_all(load.topic)


def _row(stage: Stage, race: Race, users: int, processes: int) -> list[str | int | float | None]:
    partitions = race.cluster.partitions
    contestant = journeystream("exactly once", USE_CASES, processes)
    contest = Contest("growth", [contestant], checked=False)
    what = f"growth: {partitions} partitions, {processes} processes, {users:,} users"
    found = race.run(contest, contestant, 1, stage.begin(what, race.load.events))
    seen = race.load.expected.users
    if found.failure is not None:
        return [partitions, processes, users, seen, None, None, None, found.failure]
    remark = "" if found.finished else f"time up at {found.events:,} events"
    megabytes = round(found.peak_rss / 2**20)
    rate = round(found.rate)
    return [partitions, processes, users, seen, rate, found.cpu_micros, megabytes, remark]


PART = Part("growth", "Growth", _COLUMNS, measure)
