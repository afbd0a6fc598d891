"""Part E: what state takes on disk and in memory, and how fast it comes back.

Law: everything is seen from outside. Each case loads its users through the product: first all are
known (one event, one journey that sent and let go), and the worker is stopped; then the state
directory is removed and comes back from the changelog; then each begins a wait, and the difference
is what a pending timer takes. Restoring is timed from when the worker opens its first partition to
when its log says that it has taken over the last.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rocksdict import Options, Rdict

from bench.cluster import Cluster
from bench.deployment import SESSION_SECONDS, Deployment, deployed, sending
from bench.failover import failover_seconds
from bench.figures import Cell, Figures
from bench.part import Part
from bench.processes import Processes, running
from bench.stage import Stage
from bench.workload import plain

_COLUMNS = [
    "users",
    "partitions",
    "bytes per user, compacted",
    "after a stop",
    "bytes more per pending timer, compacted",
    "after a stop ",
    "resident MB",
    "peak MB",
    "restored users/s",
    "failover s",
    "with a standby s",
]
_KNOWN, _WAITING = "Signed Up", "Trial Started"
_WORKER = "one"
_MB = 2**20
_LOG_TIME = "%Y-%m-%d %H:%M:%S,%f"
_TAKEN_OVER = re.compile(r"^(\S+ \S+) INFO partition \d+: taken over", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """So many users in so many partitions; whether a worker is killed, too."""

    users: int
    partitions: int
    fails_over: bool = False


@dataclass(frozen=True)
class Plan:
    """The cases, in order."""

    cases: Sequence[Case] = (Case(250_000, 1), Case(100_000, 4), Case(1_000_000, 4, True))

    def __str__(self) -> str:
        """Tell it in the facts."""
        return (
            f"exactly once, one worker; failover: two, one is killed, session timeout "
            f"{SESSION_SECONDS} s, and each of both has half of the partitions"
        )


QUICK = Plan((Case(5_000, 1), Case(10_000, 4, True)))
HUGE = Case(10_000_000, 4)


def measure(stage: Stage, plan: Plan, figures: Figures) -> None:
    """Add a row for each case."""
    for case in plan.cases:
        cluster = Cluster(stage.cluster.bootstrap, case.partitions)
        journeys = sending(_KNOWN), sending(_WAITING, "30 days")
        with deployed(cluster, *journeys) as project:
            figures.rows.append(_row(stage, project, case))


def _row(stage: Stage, project: Deployment, case: Case) -> list[Cell]:
    state, log = project.state(_WORKER), project.directory / "worker.log"
    with running(log, [project.worker(_WORKER)]) as worker:
        _load(stage, project, worker, case, _KNOWN)
    known, known_compacted = size_of(state), compacted_size(state)
    shutil.rmtree(state)
    restored = project.directory / "restored.log"
    stage.begin(f"state: {case.users:,} users come back")
    with running(restored, [project.worker(_WORKER)]) as worker:
        seconds = _restore_seconds(project, worker)
        peak = _Peak(worker)
        _load(stage, project, worker, case, _WAITING, peak.look)
        resident = worker.usage().rss
    waiting, waiting_compacted = size_of(state), compacted_size(state)
    over: list[Cell] = [None, None]
    if case.fails_over:
        stage.begin("state: a worker dies")
        over = [failover_seconds(project, standbys) for standbys in (0, 1)]
    return [
        case.users,
        case.partitions,
        round(known_compacted / case.users),
        round(known / case.users),
        round((waiting_compacted - known_compacted) / case.users),
        round((waiting - known) / case.users),
        round(resident / _MB),
        round(max(peak.bytes, resident) / _MB),
        round(case.users / seconds),
        *over,
    ]


@dataclass
class _Peak:
    """The most memory that was seen."""

    worker: Processes
    bytes: int = 0

    def look(self) -> None:
        self.bytes = max(self.bytes, self.worker.usage().rss)


def _load(
    stage: Stage,
    project: Deployment,
    worker: Processes,
    case: Case,
    name: str,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Send an event of each user, and wait until the worker has them all."""
    project.wait_for_all(worker)
    now = int(time.time() * 1_000)
    events = (plain(name, f"user-{number:08d}", now) for number in range(case.users))
    told = stage.begin(f"state: {case.users:,} users, {name}: produced", case.users)
    deque(project.cluster.produce(project.source, events, told), maxlen=0)
    told = stage.begin(f"state: {case.users:,} users, {name}: applied", case.users)
    before = 0 if name == _KNOWN else case.users

    def tell(done: int) -> None:
        look()
        told(done - before)

    project.settle(worker, before + case.users, tell)


def _restore_seconds(project: Deployment, worker: Processes) -> float:
    """Return how long a worker whose state directory was empty took to have it all again."""
    state = project.state(_WORKER)
    worker.wait_until(lambda: state.is_dir() and any(state.iterdir()), "the first partition")
    began = time.time()
    project.wait_for_all(worker)
    return last_taken_over(worker.log) - began


def last_taken_over(log: str) -> float:
    """Return when a worker took over its last partition, by its log, in seconds since 1970."""
    return max(
        datetime.strptime(at, _LOG_TIME).astimezone().timestamp() for at in _TAKEN_OVER.findall(log)
    )


def size_of(directory: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def compacted_size(state: Path) -> int:
    """Return the bytes of a worker's tables once RocksDB has compacted them, in a copy."""
    copy = state.with_name(f"{state.name}-compacted")
    shutil.copytree(state, copy)
    try:
        for partition in sorted(path for path in copy.iterdir() if path.is_dir()):
            _compact(partition)
        return sum(table.stat().st_size for table in copy.rglob("*.sst"))
    finally:
        shutil.rmtree(copy)


def _compact(partition: Path) -> None:
    options = Options(raw_mode=True)
    names = Rdict.list_cf(str(partition), options)
    db = Rdict(str(partition), options, dict.fromkeys(names, options))
    families = [db.get_column_family(name) for name in names]
    for family in families:
        family.flush()
        family.compact_range(None, None)
        family.close()
    families.clear()
    db.close()


PART = Part("state", "State", _COLUMNS, measure)
