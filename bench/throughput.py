"""Part A: events per second, of journeystream, its rivals and the bare loop, on one broker.

Law: contestants of a contest run one after another within each round, and each round begins with
another one, so that no figure depends on who came first. All read one source topic from its
beginning. A contestant that fails is told of and does not stop the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from confluent_kafka import KafkaException

from bench.cluster import Cluster
from bench.contest import Contest, Contestant, Run
from bench.contestants import RIVALS, limit
from bench.environment import RivalMissing
from bench.measure import Measurement, Watch
from bench.oracle import Expected, Output, expected
from bench.processes import RunFailed, running
from bench.product import CART, USE_CASES, journeystream
from bench.results import Result
from bench.stage import Tell
from bench.workload import CART_NAMES, USE_CASE_NAMES, USERS, events

# How many events of the full workload bring about one output record, counted in journeystream's
# output topics (383,004 and 50,164 records of a million events): as many are asked of the limit.
_EVENTS_PER_OUTPUT = 1_000_000 / 383_004
_EVENTS_PER_CART_OUTPUT = 1_000_000 / 50_164


def contests() -> list[Contest]:
    """Return both contests with everybody in them."""
    use_cases = Contest(
        "use cases",
        [
            journeystream("exactly once", USE_CASES),
            journeystream("at least once", USE_CASES),
            journeystream("exactly once", USE_CASES, processes=2),
            journeystream("at least once", USE_CASES, processes=2),
            limit("exactly once", USE_CASE_NAMES, _EVENTS_PER_OUTPUT),
            limit("at least once", USE_CASE_NAMES, _EVENTS_PER_OUTPUT),
        ],
        checked=False,
    )
    cart = Contest(
        "cart journey",
        [
            journeystream("exactly once", CART),
            journeystream("at least once", CART),
            limit("exactly once", CART_NAMES, _EVENTS_PER_CART_OUTPUT),
            limit("at least once", CART_NAMES, _EVENTS_PER_CART_OUTPUT),
            *RIVALS,
        ],
        checked=True,
    )
    return [use_cases, cart]


def chosen(contests: Sequence[Contest], words: Sequence[str]) -> list[Contest]:
    """Return what is left when each word must be in `contest: contestant`."""
    return [
        Contest(contest.name, kept, contest.checked)
        for contest in contests
        if (
            kept := [
                one
                for one in contest.contestants
                if all(word in f"{contest.name}: {one.name}".lower() for word in words)
            ]
        )
    ]


@dataclass(frozen=True)
class Load:
    """The workload in its topic, and what the cart journey makes of it."""

    topic: str
    events: int
    expected: Expected


def produce(cluster: Cluster, count: int, tell: Tell, users: int = USERS) -> Load:
    """Put the workload into a topic of its own."""
    topic = f"bench-source-{uuid4().hex[:8]}"
    cluster.create(topic)
    produced = cluster.produce(topic, events(count, users), tell)
    return Load(topic, count, expected(produced))


@dataclass(frozen=True)
class Race:
    """Runs contestants on a load, each for `cap` seconds of work at most."""

    cluster: Cluster
    load: Load
    cap: float

    def run(self, contest: Contest, contestant: Contestant, number: int, tell: Tell) -> Result:
        """Run one contestant once, in round `number`."""
        name = f"bench-{uuid4().hex[:8]}"
        with TemporaryDirectory(prefix="journeystream-bench-") as directory:
            run = Run(self.cluster, name, self.load.topic, Path(directory))
            try:
                measured = self._measure(run, contestant, tell)
                outputs, verdict = self._judge(run, contest, contestant, measured)
            except (RunFailed, RivalMissing, KafkaException) as error:
                return Result(
                    contest.name, contestant.name, contestant.guarantee, number, str(error)
                )
            finally:
                self.cluster.delete_all(name)
        return Result(
            contest.name,
            contestant.name,
            contestant.guarantee,
            number,
            rate=measured.rate,
            cpu_micros=measured.cpu_micros,
            peak_rss=measured.peak_rss,
            events=measured.events,
            seconds=measured.seconds,
            finished=measured.finished,
            outputs=outputs,
            verdict=verdict,
        )

    def _measure(self, run: Run, contestant: Contestant, tell: Tell) -> Measurement:
        commands = contestant.start(run)
        with (
            self.cluster.onlooker(run.name) as onlooker,
            running(run.directory / "log", commands) as processes,
        ):

            def progress() -> int:
                if contestant.commits:
                    return onlooker.committed(run.source)
                return self.load.expected.events_behind(onlooker.records(run.output))

            def gathered() -> bool:
                alone = contestant.processes == 1
                return alone or self.cluster.members(run.name) == contestant.processes

            return Watch(processes, progress, self.load.events, self.cap, gathered, tell).measure()

    def _judge(
        self, run: Run, contest: Contest, contestant: Contestant, measured: Measurement
    ) -> tuple[int, str]:
        """Return how many outputs there are and, given an oracle, whether they are right."""
        if not contest.checked or contestant.outputs is None:
            topics = contestant.outputs(run) if contestant.outputs else ()
            return self.cluster.count(topics), ""
        found = self.cluster.outputs(run.output)
        return found.total(), _verdict(
            found, self.load.expected.outputs, finished=measured.finished
        )


def _verdict(found: Counter[Output], wanted: Counter[Output], *, finished: bool) -> str:
    missing, surplus = (wanted - found).total(), (found - wanted).total()
    if not finished:
        return "right so far" if not surplus else f"{surplus:,} too many"
    return "exact" if not missing + surplus else f"{missing:,} missing, {surplus:,} too many"


def rounds(contests: Sequence[Contest], count: int) -> Iterator[tuple[int, Contest, Contestant]]:
    """Yield who runs, in the order of running."""
    for number in range(count):
        for contest in contests:
            turn = number % len(contest.contestants)
            for contestant in (*contest.contestants[turn:], *contest.contestants[:turn]):
                yield number + 1, contest, contestant
