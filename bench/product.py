"""journeystream as a contestant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.contest import PRODUCT, Contestant, Guarantee, Run
from bench.deployment import EVENT_DESTINATIONS, LIST_DESTINATIONS, Deployment
from bench.processes import ROOT, Command

# Five of the templates, and no more: figures of different days are compared.
USE_CASES = tuple(
    ROOT / "journeystream" / "templates" / f"{name}.yaml"
    for name in (
        "cart_abandonment",
        "low_recency_winback",
        "onboarding",
        "paid_subscription_acquisition",
        "trial_to_paid",
    )
)
CART = (ROOT / "bench" / "journeys" / "cart.yaml",)


def journeystream(guarantee: Guarantee, journeys: Sequence[Path], processes: int = 1) -> Contestant:
    """Return journeystream with these journeys published, in so many worker processes."""

    def deployment(run: Run) -> Deployment:
        return Deployment(run.cluster, run.name, run.directory, run.source, guarantee)

    def start(run: Run) -> list[Command]:
        project = deployment(run)
        project.install(journeys)
        return [project.worker(str(number)) for number in range(processes)]

    workers = "" if processes == 1 else f", {processes} workers"
    return Contestant(
        f"{PRODUCT}, {guarantee}{workers}",
        guarantee,
        start,
        outputs=lambda run: [
            deployment(run).topic(name) for name in (*EVENT_DESTINATIONS, *LIST_DESTINATIONS)
        ],
        processes=processes,
    )
