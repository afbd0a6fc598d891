"""Who is in a journey: counts per step, users in a step, and how far its history has been read.

Law: what is told is read between turns, in slices, from what is committed; no turn waits long for
it. Users come in order of id, whichever worker has them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

from journeystream.agents.partition import Partition
from journeystream.api.desk import Desk
from journeystream.api.journey_views import view_of
from journeystream.api.owners import Gathered
from journeystream.api.problems import Refused
from journeystream.api.routes import Call, Paging, Reply, Role, Route
from journeystream.errors import did_you_mean
from journeystream.user import stuck_in

_SLICE = 500  # users between two looks at what else there is to do: some milliseconds


class StepCounts(Gathered):
    """How many users are in a journey now."""

    journey: str
    """Its id."""
    inside: int
    """Users in it."""
    steps: dict[str, int]
    """Step to how many stand there; who stands at several counts at each."""
    stuck: int
    """Users for whom it failed; see `retry`."""


class UserPage(Gathered):
    """Some of the users who are in a journey or a step."""

    items: list[str]
    """Their ids, in order."""
    next: str | None = None
    """What `after` has to be for the next page; null: that is all."""


class Backfill(Gathered):
    """How far topics have been read again for versions that use history."""

    journey: str
    """Its id."""
    records: int
    """Records of its history that were there to read."""
    read: int
    """How many of them are read."""
    partitions: list[int]
    """Partitions that are still at it."""


async def _standing(
    number: int, journey: str, here: Mapping[int, Partition], after: str = ""
) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield who stands where in a partition, as long as it is ours."""
    while (partition := here.get(number)) is not None and (store := partition.store) is not None:
        slice_ = store.standing(journey, _SLICE, after)
        for user, steps in slice_.items():
            yield user, steps
        if len(slice_) < _SLICE:
            return
        after = next(reversed(slice_))
        await asyncio.sleep(0)


async def count_at_steps(journey: str, here: Mapping[int, Partition]) -> dict[str, Any]:
    """Return how many users of partitions are inside, stuck, and at each step."""
    inside, stuck, steps = 0, 0, Counter[str]()
    for number in here:
        async for _, places in _standing(number, journey, here):
            inside += 1
            steps.update(places)
        async for _ in _standing(number, stuck_in(journey), here):
            stuck += 1
    return {"inside": inside, "stuck": stuck, "steps": steps}


async def count_steps(desk: Desk, call: Call) -> Reply:
    """Count the users in a journey, at each step."""
    journey = call.path["journey"]
    view_of(journey, await desk.published())

    async def own(here: Mapping[int, Partition]) -> dict[str, Any]:
        return await count_at_steps(journey, here)

    def joined(answers: list[Any], missing: list[int]) -> Reply:
        steps = Counter[str]()
        for answer in answers:
            steps.update(answer["steps"])
        return Reply(
            StepCounts(
                journey=journey,
                inside=sum(answer["inside"] for answer in answers),
                stuck=sum(answer["stuck"] for answer in answers),
                steps=dict(sorted(steps.items())),
                missing=missing,
            )
        )

    return await desk.owners.gather(call, own, joined)


async def list_users_inside(desk: Desk, call: Call) -> Reply:
    """List the users who are in a journey."""
    return await _users(desk, call, None)


async def list_users_at_step(desk: Desk, call: Call) -> Reply:
    """List the users who stand at a step."""
    journey, step, current = call.path["journey"], call.path["step"], await desk.published()
    known = {
        each.id
        for (id_, _), version in current.versions.items()
        if id_ == journey
        for each in version.definition.steps
    }
    if journey in current.heads and step not in known:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            f"journey {journey!r} has no step {step!r}; {did_you_mean(step, known)}",
        )
    return await _users(desk, call, step)


async def _users(desk: Desk, call: Call, step: str | None) -> Reply:
    journey, limit, after = call.path["journey"], call.query.limit, call.query.after
    view_of(journey, await desk.published())

    async def own(here: Mapping[int, Partition]) -> list[str]:
        found: list[str] = []
        for number in here:
            some = 0
            async for user, steps in _standing(number, journey, here, after):
                if step is None or step in steps:
                    found.append(user)
                    some += 1
                if some > limit:
                    break
        return sorted(found)[: limit + 1]

    def joined(answers: list[Any], missing: list[int]) -> Reply:
        users = sorted(user for answer in answers for user in answer)
        more = users[limit - 1] if len(users) > limit else None
        return Reply(UserPage(items=users[:limit], next=more, missing=missing))

    return await desk.owners.gather(call, own, joined)


async def get_backfill(desk: Desk, call: Call) -> Reply:
    """Tell how far history has been read for a journey."""
    journey = call.path["journey"]
    view_of(journey, await desk.published())

    async def own(here: Mapping[int, Partition]) -> dict[str, Any]:
        records = read = 0
        partitions = set()
        for number, partition in here.items():
            for (id_, _), reading in partition.state.readings.items():
                if id_ == journey:
                    records += sum(reading.until.values())
                    read += sum(reading.positions.values())
                    partitions.add(number)
        return {"records": records, "read": read, "partitions": sorted(partitions)}

    def joined(answers: list[Any], missing: list[int]) -> Reply:
        return Reply(
            Backfill(
                journey=journey,
                records=sum(answer["records"] for answer in answers),
                read=sum(answer["read"] for answer in answers),
                partitions=sorted(n for answer in answers for n in answer["partitions"]),
                missing=missing,
            )
        )

    return await desk.owners.gather(call, own, joined)


_JOURNEY = "/journeys/{journey}"
ROUTES = [
    Route(
        "GET", f"{_JOURNEY}/counts", count_steps, Role.READ, "Count users at each step.",
        "journeys", answers=StepCounts,
    ),
    Route(
        "GET", f"{_JOURNEY}/users", list_users_inside, Role.READ, "List users in a journey.",
        "users", answers=UserPage, query=Paging,
    ),
    Route(
        "GET", f"{_JOURNEY}/steps/{{step}}/users", list_users_at_step, Role.READ,
        "List users at a step.", "users", answers=UserPage, query=Paging,
    ),
    Route(
        "GET", f"{_JOURNEY}/backfill", get_backfill, Role.READ,
        "Tell how far its history has been read.", "journeys", answers=Backfill,
    ),
]  # fmt: skip
