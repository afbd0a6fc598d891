"""One run: load and chaos, then calm, then the verdict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.brokers import Broker
from tests.integration.world import World
from tests.torture.chaos import Chaos
from tests.torture.feeding import Feeder
from tests.torture.fleet import Fleet, Tally
from tests.torture.generation import generation_of
from tests.torture.load import END, records
from tests.torture.plan import Wanted, plan
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
    load = list(records(seed, events))
    world.cli("publish", *JOURNEYS)
    feeder = Feeder(world, load, seed)
    fleet = Fleet(world, wanted.most_workers, lambda: tell(_line(feeder, fleet, events)))
    chaos = Chaos(fleet, feeder, broker, world.directory / "chaos.log")
    differences: list[str] = []
    try:
        chaos.carry_out(plan(seed, wanted))
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
    verdict = judge(world, load, directories)
    verdict.differences[:0] = differences
    report = Report(
        seed,
        events,
        time.monotonic() - began,
        fleet.tally,
        takeovers,
        generation_of(world),
        chaos.broker_restarts,
        verdict,
    )
    figures = json.dumps(report.figures(), indent=1)
    (world.directory / "report.json").write_text(figures, encoding="utf-8")
    return report


def _line(feeder: Feeder, fleet: Fleet, events: int) -> str:
    tally = fleet.tally
    crashes = sum(tally.crashes.values())
    running = sum(member.runs for member in fleet.members.values())
    return (
        f"{feeder.fed:,}/{events:,} events, {running} workers, {tally.kills + crashes} kills "
        f"({crashes} in the commit), {tally.zombies} zombies, {sum(tally.deaths.values())} deaths"
    )
