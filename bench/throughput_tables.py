"""Part A's results as Markdown tables, one for each contest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.contest import LIMIT, PRODUCT
from bench.figures import short
from bench.results import Result, Results, spread

_HEAD = (
    "contestant",
    "events/s (least to most)",
    "of the limit",
    "journeystream is",
    "CPU µs/event",
    "peak MB",
    "outputs",
)


def tables(results: Results) -> Iterator[str]:
    """Yield the lines of all tables."""
    for contest in dict.fromkeys(run.contest for run in results.runs):
        yield from ("", f"### {contest.capitalize()}", "")
        yield from _table(results, contest)


def _table(results: Results, contest: str) -> Iterable[str]:
    yield f"| {' | '.join(_HEAD)} |"
    yield f"|{' --- |' * len(_HEAD)}"
    failures = []
    # The order of the first round is that of the contest.
    for name in dict.fromkeys(run.contestant for run in results.runs if run.contest == contest):
        runs = results.of(contest, name)
        if runs:
            yield f"| {' | '.join(_row(results, runs))} |"
        failures += [
            f"- {name}, round {run.round}: {short(run.failure)}"
            for run in results.runs
            if (run.contest, run.contestant) == (contest, name) and run.failure
        ]
    if failures:
        yield ""
        yield from failures


def _row(results: Results, runs: list[Result]) -> Iterable[str]:
    run = runs[0]
    peers = {
        other.contestant
        for other in results.runs
        if (other.contest, other.guarantee) == (run.contest, run.guarantee)
    }
    limit = next((name for name in peers if name.startswith(LIMIT)), None)
    # Sorted: one worker comes before two.
    ours = next((name for name in sorted(peers) if name.startswith(PRODUCT)), None)
    rival = not run.contestant.startswith((LIMIT, PRODUCT))
    rate, least, most = spread(runs, lambda run: run.rate)
    yield run.contestant
    yield f"{rate:,.0f} ({least:,.0f} to {most:,.0f})" if len(runs) > 1 else f"{rate:,.0f}"
    yield _times(results.ratio(run.contest, run.contestant, limit), "{:.0%}")
    times = results.ratio(run.contest, ours, run.contestant) if rival else None
    yield _times(times, "{:.2f} x as fast")
    yield f"{spread(runs, lambda run: run.cpu_micros)[0]:.1f}"
    yield f"{max(run.peak_rss for run in runs) / 2**20:,.0f}"
    yield _outputs(runs)


def _times(ratio: float | None, form: str) -> str:
    return "" if ratio is None else form.format(ratio)


def _outputs(runs: list[Result]) -> str:
    told = []
    for run in runs:
        part = "" if run.finished else f" (time up at {run.events:,} events)"
        told.append(f"{run.outputs:,}{', ' if run.verdict else ''}{run.verdict}{part}")
    # A limit's outputs mean nothing and are not counted.
    return "; ".join(dict.fromkeys(told)) if any(run.outputs for run in runs) else ""
