"""What came out of a part, as it is kept in a JSON file, and what is worked out from it.

Law: ratios are taken round by round, between runs that were minutes apart on the same broker, and
only then the median: a machine that is slow for a while is slow for both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Result:
    """One run of one contestant. `failure` says why there are no figures, if there are none.

    `rate` is in events per second, `cpu_micros` per event, `peak_rss` in bytes; `events` and
    `seconds` are what was measured. `verdict` compares the outputs with the oracle.
    """

    contest: str
    contestant: str
    guarantee: str
    round: int
    failure: str | None = None
    rate: float = 0.0
    cpu_micros: float = 0.0
    peak_rss: int = 0
    events: int = 0
    seconds: float = 0.0
    finished: bool = False
    outputs: int = 0
    verdict: str = ""


@dataclass(frozen=True)
class Results:
    """All runs of a part, and what they were made on. `facts` name machine, versions, load."""

    part: str
    facts: dict[str, str]
    runs: list[Result]

    def write(self, file: Path) -> None:
        """Keep them."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what was kept."""
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(kept["part"], kept["facts"], [Result(**run) for run in kept["runs"]])

    def of(self, contest: str, contestant: str) -> list[Result]:
        """Return the runs of one contestant that have figures, in the order of their rounds."""
        return [
            run
            for run in self.runs
            if (run.contest, run.contestant, run.failure) == (contest, contestant, None)
        ]

    def ratio(self, contest: str, above: str | None, below: str | None) -> float | None:
        """Return the median over rounds of one contestant's rate by another's, or None."""
        if above is None or below is None:
            return None
        rates = {run.round: run.rate for run in self.of(contest, below)}
        ratios = [
            run.rate / rates[run.round] for run in self.of(contest, above) if run.round in rates
        ]
        return median(ratios) if ratios else None


def spread(runs: Sequence[Result], figure: Callable[[Result], float]) -> tuple[float, float, float]:
    """Return the median, the least and the most of a figure of runs."""
    figures = [figure(run) for run in runs]
    return median(figures), min(figures), max(figures)
