"""What every part is measured on: one broker, and a line that tells how far things are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from bench.cluster import Cluster
from tests.brokers import choose_broker

Tell = Callable[[int], None]
"""Hears how much of a step is done."""


@dataclass(frozen=True)
class Stage:
    """A broker by name, a connection to it, and where progress is shown."""

    broker: str
    cluster: Cluster
    progress: Progress
    task: TaskID

    def begin(self, what: str, total: int | None = None) -> Tell:
        """Show another step, of `total` things; return whom to tell how many are done."""
        self.progress.reset(self.task, total=total, description=what)
        return lambda done: self.progress.update(self.task, completed=done)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self.progress.console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def staged(console: Console) -> Iterator[Stage]:
    """Run a broker for the length of the block: Apache Kafka, or nothing is measured."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with (
        choose_broker(console.print) as broker,
        Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress,
    ):
        if broker.name.startswith("embedded"):
            sys.exit("the embedded broker would be what is measured; install a JDK and Maven")
        yield Stage(broker.name, Cluster(broker.bootstrap), progress, progress.add_task("start"))
