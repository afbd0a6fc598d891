"""One user: who they are, where they are in journeys, and why.

Law: the worker that has the user answers, from what is committed, between two turns.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from aiohttp.web import StreamResponse

from journeystream.agents.partition import Partition
from journeystream.answers import Answer
from journeystream.api.desk import Desk
from journeystream.api.people import UserId
from journeystream.api.problems import Refused
from journeystream.api.routes import Asked, Call, Reply, Role, Route
from journeystream.errors import StateError, did_you_mean
from journeystream.explanation import Explanation
from journeystream.journeys import Floors
from journeystream.portrait import Portrait, portrait_of
from journeystream.user import User


class TravelRow(Answer):
    """One record of the travel log."""

    kind: Literal["stage", "goal", "path"]
    """What it tells of: docs/measurement.md has the columns of each."""
    row: dict[str, Any]
    """Its columns."""


class Which(Asked):
    """What is explained."""

    journey: UserId | None = None
    """One journey; default: all."""


async def get_user(desk: Desk, call: Call) -> Reply | StreamResponse:
    """Show what is known of a user: traits, lists, journeys."""
    id_ = call.path["user"]
    await desk.published()

    def answer(partition: Partition) -> Reply:
        now, journeys = desk.now(partition), desk.explainer.journeys
        return Reply(portrait_of(id_, _read(partition, id_), now, journeys))

    return await desk.owners.about(id_, call, answer)


async def explain_user(desk: Desk, call: Call) -> Reply | StreamResponse:
    """Tell why a user is in a journey, and where, or why they are not; clause by clause."""
    id_, journey = call.path["user"], call.query.journey
    heads = (await desk.published()).heads
    if journey is not None and journey not in heads:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            f"no journey {journey!r} is published; {did_you_mean(journey, heads)}",
        )

    def answer(partition: Partition) -> Reply:
        return Reply(
            desk.explainer.explain(
                id_,
                _read(partition, id_),
                desk.now(partition),
                Floors(partition.state.floors),
                journey,
            )
        )

    return await desk.owners.about(id_, call, answer)


async def get_history(desk: Desk, call: Call) -> Reply:
    """Tell what the travel log has of a user: each stage, goal and path, oldest first."""
    return Reply(raw=await desk.workbench.run(["history", "--", call.path["user"]]))


def _read(partition: Partition, id_: str) -> User | None:
    store = partition.store
    if store is None:
        raise StateError(f"partition {partition.number} is being restored")
    return store.load([id_]).get(id_)


ROUTES = [
    Route(
        "GET", "/users/{user}", get_user, Role.READ, "Show what is known of a user.", "users",
        answers=Portrait,
    ),
    Route(
        "GET", "/users/{user}/explain", explain_user, Role.READ,
        "Tell why a user is where they are.", "users", answers=Explanation, query=Which,
    ),
    Route(
        "GET", "/users/{user}/history", get_history, Role.READ,
        "Tell what the travel log has of a user.", "users", answers=list[TravelRow],
    ),
]  # fmt: skip
