"""Part C: how late timers fire while very many others wait.

Live time, one worker. First each of `pending` users begins a wait of a month: the product itself
puts them there. Then events at a steady rate begin short waits, all before the first of them ends,
so that only timers fire while lateness is measured. Last, one instant for very many.

A timer is due at its event's time plus the wait. It has fired when its Entered is readable.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bench.deployment import Deployment, deployed, sending
from bench.feed import Feed
from bench.figures import Cell, Figures, share
from bench.latency import heard
from bench.listen import READY, Listening, Sighting
from bench.part import Part
from bench.processes import Processes, RunFailed, running
from bench.stage import Stage
from bench.workload import plain

_COLUMNS = [
    "timers pending",
    "due per second",
    "fired",
    "lateness p50 ms",
    "p99 ms",
    "max ms",
    "p99 ms until written",
    "due at one instant",
    "s until all are readable",
    "s until all are written",
]
_PENDING, _STEADY, _BURST = "Signed Up", "Trial Started", "Sale Announced"
_MILLI = 1_000
_MICROS = 1_000_000
_PATIENCE = 60.0


@dataclass(frozen=True)
class Plan:
    """How many wait; due per second and for how long; how many at one instant. Waits: seconds."""

    pending: Sequence[int] = (1_000_000,)
    rate: int = 1_000
    seconds: int = 30
    wait: int = 40
    burst: int = 100_000
    burst_wait: int = 40

    def __str__(self) -> str:
        """Tell it in the facts."""
        return f"due for {self.seconds} s after a wait of {self.wait} s; exactly once, one worker"


QUICK = Plan((20_000,), 200, 5, 10, 2_000, 10)
HUGE = 10_000_000


def measure(stage: Stage, plan: Plan, figures: Figures) -> None:
    """Add a row for each number of pending timers."""
    journeys = (
        sending(_PENDING, "30 days"),
        sending(_STEADY, f"{plan.wait} seconds"),
        sending(_BURST, f"{plan.burst_wait} seconds"),
    )
    for pending in plan.pending:
        with (
            deployed(stage.cluster, *journeys, time="live") as project,
            running(project.directory / "worker.log", [project.worker("one")]) as worker,
        ):
            project.wait_for_all(worker)
            fill(stage, project, worker, pending)
            figures.rows.append([pending, *_steady(stage, project, plan), *_burst(project, plan)])


def fill(stage: Stage, project: Deployment, worker: Processes, users: int) -> None:
    """Let so many users begin to wait, and wait until the worker has them all."""
    now = int(time.time() * _MILLI)
    events = (plain(_PENDING, f"waiting-{number}", now) for number in range(users))
    told = stage.begin(f"timers: {users:,} are produced", users)
    deque(project.cluster.produce(project.source, events, told), maxlen=0)
    project.settle(worker, users, stage.begin(f"timers: {users:,} begin to wait", users))


def _steady(stage: Stage, project: Deployment, plan: Plan) -> list[Cell]:
    stage.begin(f"timers: {plan.rate:,} due per second")
    directory, bootstrap = project.directory, project.cluster.bootstrap
    file = str(directory / "sent")
    feed = Feed(bootstrap, project.source, _STEADY, plan.rate, plan.seconds, file)
    listening = _listening(project, feed.events, plan.wait, "steady")
    fired = heard(feed, listening, plan.seconds + plan.wait + 2 * _PATIENCE)
    late = sorted(each.seen - due(each.sent, plan.wait) for each in fired)
    written = sorted(each.written - due(each.sent, plan.wait) for each in fired)
    return [
        plan.rate,
        f"{len(fired):,} of {feed.events:,}",
        *(share(late, part) / _MILLI for part in (0.5, 0.99, 1.0)),
        share(written, 0.99) / _MILLI,
    ]


def _burst(project: Deployment, plan: Plan) -> list[Cell]:
    listening = _listening(project, plan.burst, plan.burst_wait, "burst")
    with running(f"{listening.file}.log", [listening.command]) as listener:
        listener.wait_until(lambda: READY in listener.log, "the listener")
        # One time for all, and no later one before it: so all enter, and are due, at one instant.
        now = int(time.time() * _MILLI)
        events = (plain(_BURST, f"{now * _MILLI}-{number}", now) for number in range(plan.burst))
        deque(project.cluster.produce(project.source, events, lambda _: None), maxlen=0)
        listener.finish(plan.burst_wait + 3 * _PATIENCE)
    fired = listening.sightings()
    _check_burst(fired, plan.burst)
    instant = fired[0].happened
    return [
        plan.burst,
        (max(each.seen for each in fired) - instant) / _MICROS,
        (max(each.written for each in fired) - instant) / _MICROS,
    ]


def _check_burst(fired: Sequence[Sighting], wanted: int) -> None:
    instants = {each.happened for each in fired}
    if len(fired) != wanted or len(instants) != 1:
        raise RunFailed(f"{len(fired):,} of {wanted:,} fired, due at {len(instants):,} instants")


def due(sent: int, wait: int) -> int:
    """Return when a timer is due whose event was sent then; event times are in milliseconds."""
    return sent // _MILLI * _MILLI + wait * _MICROS


def _listening(project: Deployment, wanted: int, wait: int, name: str) -> Listening:
    file = str(project.directory / name)
    bootstrap = project.cluster.bootstrap
    return Listening(bootstrap, project.topic("email"), wanted, wait + _PATIENCE, file)


PART = Part("timers", "Timers", _COLUMNS, measure)
