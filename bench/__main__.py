"""`python -m bench`: measure, and show what was measured. `make bench` runs all parts in full.

Law: what is measured in full is kept, and nothing else: a trial or a choice must not take the
place of figures that a page shows. A part that fails is told of and does not stop the others.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import growth as growth_part
from bench import latency as latency_part
from bench import many_journeys as many_journeys_part
from bench import stages as stages_part
from bench import state as state_part
from bench import timers as timers_part
from bench.machine import machine
from bench.part import Part, PlanT
from bench.processes import ROOT
from bench.report import kept_in, markdown, page
from bench.results import Result, Results
from bench.stage import Stage, staged
from bench.throughput import Race, chosen, contests, produce, rounds
from bench.workload import SEED, USERS

RESULTS = ROOT / "bench" / "results"
PROSE = ROOT / "bench" / "page.md"
PAGE = ROOT / "docs" / "performance.md"
_FULL, _QUICK = 1_000_000, 100_000
_ROUNDS = 3
_CAP_SECONDS, _QUICK_CAP_SECONDS = 40.0, 15.0

Quick = Annotated[bool, typer.Option("--quick", help="Tiny sizes, for a trial.")]
Huge = Annotated[bool, typer.Option("--huge", help="10,000,000 too: an hour or so more.")]
Numbers = Annotated[
    str | None, typer.Option(help="Other sizes than the usual ones, with commas between.")
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Where figures go; default, in full: bench/results.")
]

app = typer.Typer(add_completion=False)
console = Console()


@app.callback(invoke_without_command=True)
def everything(ctx: typer.Context) -> None:
    """Run all parts in full, keep the results, and write docs/performance.md."""
    if ctx.invoked_subcommand is not None:
        return
    with staged(console) as stage:
        _throughput(stage, _FULL, _ROUNDS, [], RESULTS / "throughput.json")
        came_to_their_end = [
            _part(stage, latency_part.PART, latency_part.Plan(), RESULTS / "latency.json"),
            _part(stage, timers_part.PART, timers_part.Plan(), RESULTS / "timers.json"),
            _part(
                stage,
                many_journeys_part.PART,
                many_journeys_part.Plan(),
                RESULTS / "many_journeys.json",
            ),
            _part(stage, state_part.PART, state_part.Plan(), RESULTS / "state.json"),
            _part(stage, growth_part.PART, growth_part.Plan(), RESULTS / "growth.json"),
            _part(stage, stages_part.PART, stages_part.Plan(), RESULTS / "stages.json"),
        ]
    report(PAGE)
    if not all(came_to_their_end):
        sys.exit(1)


@app.command()
def throughput(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the events, once.")] = False,
    count: Annotated[int, typer.Option("--rounds", min=1, help="How often everybody runs.")] = (
        _ROUNDS
    ),
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only who has this in `contest: contestant`; several: all of them."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Part A: events per second, beside the rivals and the bare loop."""
    words = [word.lower() for word in only or ()]
    file = json_file or (None if quick or words else RESULTS / "throughput.json")
    with staged(console) as stage:
        _throughput(stage, _QUICK if quick else _FULL, 1 if quick else count, words, file)


@app.command()
def latency(*, quick: Quick = False, rates: Numbers = None, json_file: JsonFile = None) -> None:
    """Part B: from an event to its Entered, in milliseconds."""
    plan = latency_part.QUICK if quick else latency_part.Plan()
    if rates:
        plan = replace(plan, rates=_numbers(rates))
    _alone(latency_part.PART, plan, json_file, keep=not quick and not rates)


@app.command()
def timers(
    *,
    quick: Quick = False,
    pending: Numbers = None,
    huge: Huge = False,
    json_file: JsonFile = None,
) -> None:
    """Part C: how late timers fire while very many wait."""
    plan = timers_part.QUICK if quick else timers_part.Plan()
    if pending:
        plan = replace(plan, pending=_numbers(pending))
    if huge:
        plan = replace(plan, pending=(*plan.pending, timers_part.HUGE))
    _alone(timers_part.PART, plan, json_file, keep=not quick and not pending)


@app.command("many-journeys")
def many_journeys(
    *, quick: Quick = False, journeys: Numbers = None, json_file: JsonFile = None
) -> None:
    """Part D: what an event costs when many journeys are live."""
    plan = many_journeys_part.QUICK if quick else many_journeys_part.Plan()
    if journeys:
        plan = replace(plan, journeys=_numbers(journeys))
    keep = not quick and not journeys
    _alone(many_journeys_part.PART, plan, json_file, keep=keep)


@app.command()
def state(*, quick: Quick = False, huge: Huge = False, json_file: JsonFile = None) -> None:
    """Part E: what state takes, and how fast it comes back."""
    plan = state_part.QUICK if quick else state_part.Plan()
    if huge:
        plan = replace(plan, cases=(*plan.cases, state_part.HUGE))
    _alone(state_part.PART, plan, json_file, keep=not quick)


@app.command()
def growth(*, quick: Quick = False, json_file: JsonFile = None) -> None:
    """Part F: more partitions, processes, users."""
    plan = growth_part.QUICK if quick else growth_part.Plan()
    _alone(growth_part.PART, plan, json_file, keep=not quick)


@app.command()
def stages(*, quick: Quick = False, json_file: JsonFile = None) -> None:
    """Part G: where the CPU of an event goes."""
    plan = stages_part.QUICK if quick else stages_part.Plan()
    _alone(stages_part.PART, plan, json_file, keep=not quick)


@app.command()
def report(
    to: Annotated[Path | None, typer.Option(help="A file; default: print it.")] = None,
) -> None:
    """Render bench/page.md with the kept results filled in."""
    text = page(PROSE.read_text(encoding="utf-8"), kept_in(RESULTS))
    if to is None:
        sys.stdout.write(text)
    else:
        to.write_text(text, encoding="utf-8")


def _throughput(stage: Stage, number: int, count: int, words: list[str], file: Path | None) -> None:
    load = produce(stage.cluster, number, stage.begin("workload", number))
    race = Race(stage.cluster, load, _CAP_SECONDS if number == _FULL else _QUICK_CAP_SECONDS)
    told = f"{number:,} events, {USERS:,} users (Zipf 1.05), seed {SEED}"
    results = Results("Throughput", _facts(stage, told), [])
    for turn, contest, contestant in rounds(chosen(contests(), words), count):
        tell = stage.begin(f"{turn}: {contest.name}: {contestant.name}", number)
        result = race.run(contest, contestant, turn, tell)
        stage.say(_line(result))
        results.runs.append(result)
        if file is not None:
            results.write(file)
    stage.say(markdown(results))


def _alone(part: Part[PlanT], plan: PlanT, json_file: Path | None, *, keep: bool) -> None:
    """Run one part on a broker of its own."""
    with staged(console) as stage:
        file = json_file or (RESULTS / f"{part.name}.json" if keep else None)
        if not _part(stage, part, plan, file):
            sys.exit(1)


def _part(stage: Stage, part: Part[PlanT], plan: PlanT, file: Path | None) -> bool:
    """Run a part, show and keep its figures; say whether it came to its end."""
    figures, whole = part.run(stage, plan)
    if file is not None and figures.rows:
        figures.write(file)
    stage.say(markdown(figures))
    return whole


def _facts(stage: Stage, load: str) -> dict[str, str]:
    return {"workload": load, "broker": stage.broker, **machine()}


def _line(result: Result) -> str:
    who = f"{result.round}: {result.contest}: {result.contestant}"
    if result.failure is not None:
        return f"{who}: failed: {result.failure}"
    figures = f"{result.rate:,.0f} events/s, {result.cpu_micros:.1f} CPU µs/event"
    outputs = f", {result.outputs:,} outputs {result.verdict}" if result.outputs else ""
    return f"{who}: {figures}{outputs}"


def _numbers(text: str) -> list[int]:
    return [int(number.replace("_", "")) for number in text.split(",")]


if __name__ == "__main__":
    # What was started ends with us, however we are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()
