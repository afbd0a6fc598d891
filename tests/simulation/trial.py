"""Running one seed, and judging what came of it."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass
from unittest import mock

from journeystream.engine import Rules
from journeystream.journeys import Floors
from tests.simulation.loop import SimulatedLoop
from tests.simulation.oracle import Evidence, compare_in_one_piece, compare_stores, retell
from tests.simulation.plan import Plan, draw
from tests.simulation.repeats import compare_repeats
from tests.simulation.world import World

_TOLD = ("hands over again", "hands over late", "is thrown out", "fails")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a seed went: what was `wrong`, or None; what happened; and every single thing."""

    seed: int
    wrong: str | None
    seen: Counter[str]
    trace: list[tuple[float, str, str, str]]

    @property
    def fingerprint(self) -> str:
        """A hash of everything that happened."""
        return hashlib.sha256(repr((self.wrong, self.trace)).encode()).hexdigest()


def try_seed(seed: int, *, repeats: bool = False, aliases: bool = False) -> Verdict:
    """Run the simulation of a seed, and judge it."""
    return try_plan(draw(seed, repeats=repeats, aliases=aliases))


def try_plan(plan: Plan) -> Verdict:
    """Run a simulation, and judge it."""
    logging.disable(logging.CRITICAL)  # thousands of workers would tell what they do
    loop = SimulatedLoop()
    world = World(plan, loop)
    # Some give up telling by themselves, some are cut short: a turn has 0.3 s to end here.
    patience = 0.1 if plan.seed % 2 else 0.5
    try:
        wrong = None
        try:
            with mock.patch("journeystream.agents.telling._PATIENCE", patience):
                loop.run_until_complete(_live(world))
        except Exception as error:  # noqa: BLE001  whatever it is, the seed has found it
            wrong = f"{type(error).__name__}: {error}"
        seen = world.seen
        seen["rebalances"] = world.group.rebalances
        seen.update(what for _, _, what, _ in world.broker.trace if what in _TOLD)
        seen["transactions"] = len(world.broker.history)
        return Verdict(plan.seed, wrong, seen, world.broker.trace)
    finally:
        loop.run_until_complete(world.end())
        loop.close()
        logging.disable(logging.NOTSET)


async def _live(world: World) -> None:
    await world.run()
    some = next(iter(world.owners().values()))
    left = await world.stop()
    if world.plan.repeats:
        stores = {number: (kept, await world.rebuilt(number)) for number, kept in left.items()}
        rules = Rules(some.control.known, memory=some.around.memory)
        evidence = Evidence(world.plan, world.broker.logs, [], world.edits)
        compare_repeats(evidence, some.around, rules, stores)
        return
    told = retell(
        Evidence(world.plan, world.broker.logs, world.broker.history, world.edits), some.around
    )
    for number, kept in left.items():
        compare_stores(told[number], kept, await world.rebuilt(number))
        if world.plan.strict:
            floors = Floors(told[number].state.floors)
            compare_in_one_piece(
                told[number], Rules(some.control.known, floors, some.around.memory)
            )
