"""The workers and their partitions, as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeystream.agents.partition import Partition
from journeystream.answers import Answer
from journeystream.api.desk import Desk
from journeystream.api.owners import Gathered
from journeystream.api.routes import Call, Reply, Role, Route
from journeystream.durations import iso
from journeystream.user import NEVER


class PartitionView(Answer):
    """A partition, where it is."""

    partition: int
    """Its number."""
    standing: str
    """restoring: its state is being read; running: it takes turns."""
    clock: str | None
    """Up to when its events and timers are applied; null: nothing has come yet."""
    positions: dict[str, int]
    """Topic to the next offset that it applies."""


class WorkerView(Answer):
    """A worker, as it says."""

    url: str
    """Where it answers."""
    alive: bool
    """Whether a restart would not help."""
    ready: bool
    """Whether it does its work."""
    reasons: list[str]
    """What is not well."""
    partitions: list[PartitionView]
    """Those that it has."""
    standbys: list[int]
    """Partitions whose state it follows."""


class WorkersView(Gathered):
    """All workers that answer."""

    items: list[WorkerView]
    """In order of URL."""


async def list_workers(desk: Desk, call: Call) -> Reply:
    """Tell how the workers are, and what they have."""

    async def own(_: Mapping[int, Partition]) -> dict[str, Any]:
        health = desk.health()
        return WorkerView(
            url=desk.owners.own,
            alive=health.alive,
            ready=health.ready,
            reasons=list(health.reasons),
            partitions=[
                _partition(number, each) for number, each in sorted(desk.owners.running.items())
            ],
            standbys=list(health.standbys),
        ).model_dump(by_alias=True)

    def joined(answers: list[Any], missing: list[int]) -> Reply:
        items = sorted(map(WorkerView.model_validate, answers), key=lambda worker: worker.url)
        return Reply(WorkersView(items=items, missing=missing))

    return await desk.owners.gather(call, own, joined)


def _partition(number: int, partition: Partition) -> PartitionView:
    state = partition.state
    return PartitionView(
        partition=number,
        standing=partition.standing,
        clock=None if state.clock == NEVER else iso(state.clock),
        positions=dict(state.positions),
    )


ROUTES = [
    Route(
        "GET", "/workers", list_workers, Role.READ, "Tell how workers and partitions are.",
        "workers", answers=WorkersView,
    ),
]  # fmt: skip
