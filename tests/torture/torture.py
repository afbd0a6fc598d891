"""One run: load and chaos, then calm, then the verdict.

A blow that was planned and did not land attacks nothing: it is told as missed, and the run fails.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.brokers import Broker
from tests.integration.world import World
from tests.torture.chaos import Chaos
from tests.torture.feeding import Feeder
from tests.torture.fleet import Fleet, Tally
from tests.torture.generation import generation_of
from tests.torture.load import END, records
from tests.torture.plan import Action, Wanted, plan
from tests.torture.verdict import JOURNEYS, Verdict, judge

CATCH_UP_SECONDS = 300.0
_PARTS = ("tally", "verdict")


@dataclass
class Report:
    """What happened and what came of it."""

    seed: int
    events: int
    seconds: float
    tally: Tally
    takeovers: int
    rebalances: int | None
    broker_restarts: int
    missed: list[str]
    verdict: Verdict

    @property
    def kills(self) -> int:
        """All SIGKILLs, from outside and in steps of the commit."""
        return self.tally.kills + sum(self.tally.crashes.values())

    def figures(self) -> dict[str, object]:
        """Return everything, for programs."""
        own = {name: value for name, value in vars(self).items() if name not in _PARTS}
        return {**own, "kills": self.kills, **{name: vars(getattr(self, name)) for name in _PARTS}}


def torture(
    world: World,
    broker: Broker,
    seed: int,
    events: int,
    wanted: Wanted,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run it; every process that was started is ended on return."""
    began = time.monotonic()
    load, actions = list(records(seed, events)), plan(seed, wanted)
    world.cli("publish", *JOURNEYS)
    feeder = Feeder(world, load, seed)
    fleet = Fleet(world, wanted, lambda: tell(_line(feeder, fleet, events)))
    chaos = Chaos(fleet, feeder, broker, world.directory / "chaos.log")
    differences: list[str] = []
    try:
        chaos.carry_out(actions)
        feeder.finish()
        world.mark_clock(END)
        fleet.calm()
        if not fleet.wait(CATCH_UP_SECONDS, lambda: not world.lag()):
            differences.append(f"after {CATCH_UP_SECONDS} s of calm there is still {world.lag()}")
        differences += fleet.stop()
        takeovers = sum(member.takeovers for member in fleet.members.values())
    finally:
        fleet.destroy()
    tell("comparing")
    directories = [m.state for m in fleet.members.values() if m.state.exists()]
    verdict = judge(world, load, directories, repeats=wanted.commit.repeats)
    verdict.differences[:0] = differences
    report = Report(
        seed,
        events,
        time.monotonic() - began,
        fleet.tally,
        takeovers,
        generation_of(world),
        chaos.broker_restarts,
        list(missed(actions, fleet.tally, chaos.broker_restarts)),
        verdict,
    )
    figures = json.dumps(report.figures(), indent=1)
    (world.directory / "report.json").write_text(figures, encoding="utf-8")
    return report


def missed(actions: Sequence[Action], tally: Tally, broker_restarts: int) -> Iterator[str]:
    """Yield which kinds of planned blows have never landed."""
    for step in sorted({action.step for action in actions if action.kind == "crash"}):
        if not tally.crashes[step]:
            yield f"no worker crashed in step {step} of the commit"
    freezes = [action for action in actions if action.kind == "freeze"]
    if freezes and not tally.zombies:
        yield "no frozen worker woke to find its partitions with others"
    if any(action.step for action in freezes) and not tally.frozen_in_commit:
        yield "no worker was frozen in a commit"
    if any(action.wiped for action in actions) and not tally.deleted:
        yield "no state directory was deleted"
    planned = sum("broker" in action.kind for action in actions)
    if broker_restarts < planned:
        yield f"the broker restarted {broker_restarts} times, not {planned}"


def _line(feeder: Feeder, fleet: Fleet, events: int) -> str:
    tally = fleet.tally
    crashes = sum(tally.crashes.values())
    running = sum(member.runs for member in fleet.members.values())
    return (
        f"{feeder.fed:,}/{events:,} events, {running} workers, {tally.kills + crashes} kills "
        f"({crashes} in the commit), {tally.zombies} zombies, {sum(tally.deaths.values())} deaths"
    )
