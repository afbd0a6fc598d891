"""`python -m tests.torture`: the long form, on a broker of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import SystemRandom
from tempfile import mkdtemp
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.brokers import choose_broker
from tests.integration.world import World
from tests.torture.fleet import Tally
from tests.torture.plan import AT_LEAST_ONCE, EXACTLY_ONCE, long_form, plan
from tests.torture.torture import Report, torture

_SHOWN = 20


def main(
    *,
    events: Annotated[int, typer.Option(help="How many events to produce.")] = 200_000,
    kills: Annotated[int, typer.Option(help="SIGKILLs from outside; crashes come on top.")] = 100,
    at_least_once: Annotated[
        bool, typer.Option("--at-least-once", help="Without transactions: outputs may repeat.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Makes load and plan; default: any.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures there.")
    ] = None,
    show_plan: Annotated[bool, typer.Option("--plan", help="Print the plan, do nothing.")] = False,
) -> None:
    """Kill, freeze and restart under load, then compare everything with the oracle."""
    seed = SystemRandom().randrange(1_000_000) if seed is None else seed
    wanted = long_form(kills, AT_LEAST_ONCE if at_least_once else EXACTLY_ONCE)
    console = Console()
    if show_plan:
        for action in plan(seed, wanted):
            console.print(str(action), highlight=False)
        return
    directory = Path(mkdtemp(prefix="journeystream-torture-"))
    console.print(f"seed         {seed}\nproject      {directory} (workers' logs are there)")
    with choose_broker(console.print) as broker, console.status("starting") as status:
        if not broker.ours:
            sys.exit("the broker must be ours to restart; unset JOURNEYSTREAM_TEST_KAFKA")
        world = World(directory, broker.bootstrap)
        report = torture(world, broker, seed, events, wanted, status.update)
    show(report, console)
    if json_file is not None:
        json_file.write_text(json.dumps(report.figures(), indent=1), encoding="utf-8")
    wrong = [*report.missed, *report.verdict.differences]
    if wrong:
        for each in wrong[:_SHOWN]:
            console.print(f"- {each[:2_000]}", markup=False, highlight=False)
        more = " --at-least-once" if at_least_once else ""
        console.print(
            f"again: python -m tests.torture --seed {seed} --events {events} --kills {kills}{more}"
        )
        sys.exit(1)


def _zombies(tally: Tally) -> str:
    inside = f"{tally.frozen_in_commit} of them frozen in a commit"
    return f"{tally.zombies} overtaken, {tally.zombies_alone} not; {inside}"


def show(report: Report, console: Console) -> None:
    """Print a table of what happened."""
    tally, verdict = report.tally, report.verdict
    table = Table(title=f"Torture, seed {report.seed}", title_justify="left", show_header=False)
    crashes = ", ".join(f"{step}: {count}" for step, count in sorted(tally.crashes.items()))
    rebalances = "?" if report.rebalances is None else f"{report.rebalances:,}"
    for name, value in (
        ("events", f"{report.events:,}"),
        ("outputs", f"{verdict.outputs:,} ({verdict.entered:,} Entered at event destinations)"),
        ("  repeated, by message id", f"{verdict.repeated:,}"),
        ("users, list members", f"{verdict.users:,}, {verdict.list_members:,}"),
        ("dead letters", f"{verdict.dead_letters:,}"),
        ("kills", f"{report.kills:,}"),
        ("  from outside", f"{tally.kills:,}"),
        ("  in steps of the commit", crashes),
        ("zombies", _zombies(tally)),
        ("state directories deleted", f"{tally.deleted:,}"),
        ("broker restarts", f"{report.broker_restarts:,}"),
        ("rebalances", f"{rebalances} generations, {report.takeovers:,} takeovers"),
        ("workers started", f"{tally.starts:,}"),
        ("ended by themselves", f"{sum(tally.deaths.values()):,}"),
        ("seconds", f"{report.seconds:,.0f}"),
        ("kinds of blows missed", f"{len(report.missed):,}"),
        ("differences", f"{len(verdict.differences):,}"),
    ):
        table.add_row(name, value)
    console.print(table)
    for remark in tally.remarks:
        console.print(f"remark: {remark}", markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
