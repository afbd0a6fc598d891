"""What a contestant is, and what it is given for one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.cluster import Cluster
from bench.processes import Command

Guarantee = Literal["exactly once", "at least once"]


@dataclass(frozen=True)
class Run:
    """One run of one contestant: names of its own, a directory of its own, the common source."""

    cluster: Cluster
    name: str
    source: str
    directory: Path

    @property
    def output(self) -> str:
        """The topic for the outputs of the cart journey."""
        return f"{self.name}-email"

    @property
    def environment(self) -> Mapping[str, str]:
        """What the limit and the rivals are told."""
        return {
            "BENCH_BOOTSTRAP": self.cluster.bootstrap,
            "BENCH_GROUP": self.name,
            "BENCH_SOURCE": self.source,
            "BENCH_OUTPUT": self.output,
            "BENCH_STATE": str(self.directory),
        }


@dataclass(frozen=True)
class Contestant:
    """Who takes part: how it is started, and what it promises.

    `start` prepares a run and returns the processes to start. Who does not commit offsets to
    Kafka (`commits` is False) is watched by its outputs. `outputs` names the topics that it
    writes for others; None: what it writes means nothing.
    """

    name: str
    guarantee: Guarantee
    start: Callable[[Run], Sequence[Command]]
    outputs: Callable[[Run], Sequence[str]] | None = lambda run: [run.output]
    processes: int = 1
    commits: bool = True


@dataclass(frozen=True)
class Contest:
    """Contestants who do the same work. `checked`: their outputs are the cart journey's."""

    name: str
    contestants: Sequence[Contestant]
    checked: bool


PRODUCT, LIMIT = "journeystream", "limit"
"""What the names of journeystream's contestants and of the limits begin with."""
