"""A part of the benchmark whose figures are a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from confluent_kafka import KafkaException

from bench.figures import Figures
from bench.machine import machine
from bench.processes import RunFailed
from bench.stage import Stage

PlanT = TypeVar("PlanT")


@dataclass(frozen=True)
class Part(Generic[PlanT]):
    """`measure` adds a row after another; `name` is that of its file and of its place in the page.

    A plan says how much is measured; its text is told among the facts.
    """

    name: str
    title: str
    columns: Sequence[str]
    measure: Callable[[Stage, PlanT, Figures], None]

    def run(self, stage: Stage, plan: PlanT) -> tuple[Figures, bool]:
        """Return the figures, and whether there are all: what failed is told in a remark."""
        facts = {"workload": str(plan), "broker": stage.broker, **machine()}
        figures = Figures(self.title, facts, list(self.columns))
        try:
            self.measure(stage, plan, figures)
        except (RunFailed, KafkaException, TimeoutError) as error:
            figures.remarks.append(f"Cut short: {error}")
            return figures, False
        return figures, True
