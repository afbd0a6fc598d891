"""Part B: from an event that is produced to its Entered that a destination can read.

Live time, one journey that sends on the event. Feeder and listener are processes of their own and
stamp by the same clock. What is sent while the worker warms up is not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.contest import Guarantee
from bench.deployment import Deployment, deployed, sending
from bench.feed import Feed
from bench.figures import Cell, Figures, share
from bench.listen import READY, Listening, Sighting
from bench.part import Part
from bench.processes import RunFailed, running
from bench.stage import Stage

_COLUMNS = [
    "guarantee",
    "events/s asked",
    "events/s sent",
    "Entered of events sent",
    "p50 ms",
    "p99 ms",
    "max ms",
    "p99 ms until written",
]
_EVENT = "Signed Up"
_GUARANTEES: tuple[Guarantee, ...] = ("exactly once", "at least once")
_MICROS = 1_000_000
_PATIENCE = 30.0


@dataclass(frozen=True)
class Plan:
    """Rates in events per second, and how long each is sent before and while it is measured."""

    rates: Sequence[int] = (1_000, 5_000, 10_000)
    warm_up: float = 20.0
    seconds: float = 20.0

    def __str__(self) -> str:
        """Tell it in the facts."""
        return f"each rate for {self.seconds:g} s, after {self.warm_up:g} s of warming up at it"


QUICK = Plan((200, 1_000), 2.0, 3.0)


def measure(stage: Stage, plan: Plan, figures: Figures) -> None:
    """Add a row for each guarantee and rate."""
    for guarantee in _GUARANTEES:
        with deployed(stage.cluster, sending(_EVENT), guarantee=guarantee, time="live") as project:
            command = project.worker("one")
            with running(project.directory / "worker.log", [command]) as worker:
                project.wait_for_all(worker)
                for rate in plan.rates:
                    stage.begin(f"latency: {guarantee}, {rate:,} events/s")
                    figures.rows.append([guarantee, *_row(project, rate, plan)])


def _row(project: Deployment, rate: int, plan: Plan) -> list[Cell]:
    bootstrap, directory = project.cluster.bootstrap, project.directory
    feed = Feed(
        bootstrap,
        project.source,
        _EVENT,
        rate,
        plan.warm_up + plan.seconds,
        str(directory / f"sent-{rate}"),
    )
    listening = Listening(
        bootstrap, project.topic("email"), feed.events, _PATIENCE, str(directory / f"seen-{rate}")
    )
    sightings = heard(feed, listening, feed.seconds + 2 * _PATIENCE)
    late = delays(sightings, plan.warm_up)
    figures = [share(late, part) / 1_000 for part in (0.5, 0.99, 1.0)]
    return [
        rate,
        round(feed.sent_per_second()),
        f"{len(sightings):,} of {feed.events:,}",
        *figures,
        share(delays(sightings, plan.warm_up, "written"), 0.99) / 1_000,
    ]


def heard(feed: Feed, listening: Listening, seconds: float) -> list[Sighting]:
    """Let a feeder send and a listener listen to the end; return what was seen."""
    log = f"{listening.file}.log"
    with running(log, [listening.command]) as listener:
        listener.wait_until(lambda: READY in listener.log, "the listener")
        with running(f"{feed.file}.log", [feed.command]) as feeder:
            feeder.finish(seconds)
        listener.finish(seconds)
    found = listening.sightings()
    if not found:
        raise RunFailed("nothing came out")
    return found


def delays(
    sightings: Sequence[Sighting], warm_up: float, until: Literal["seen", "written"] = "seen"
) -> list[int]:
    """Return microseconds from sent, in order, of what was sent after the warm-up."""
    begin = min(sighting.sent for sighting in sightings) + warm_up * _MICROS
    return sorted(getattr(each, until) - each.sent for each in sightings if each.sent >= begin)


PART = Part("latency", "Latency", _COLUMNS, measure)
