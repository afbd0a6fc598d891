"""What is done to users by name: enrol, erase, put on a list.

Law: it is said by a note (agents/notes.py), which takes its place in the user's order and counts
once; so it is done soon after it was taken, and `202` is all that can be answered. A note's message
id is made of what it says and the idempotency key: the same again under that key counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from journeystream.agents.decode import LONGEST_ID
from journeystream.agents.notes import said_instant, topic_of, written
from journeystream.answers import Answer
from journeystream.api.desk import Desk
from journeystream.api.journey_views import view_of
from journeystream.api.problems import Refused
from journeystream.api.routes import Asked, Call, Handler, Reply, Role, Route
from journeystream.audit import Request
from journeystream.control_client import Notes, tell
from journeystream.effects import stable_id
from journeystream.events import Erased, Listed, Note
from journeystream.named_users import (
    enrolled,
    moved,
    refuse_closed,
    refuse_left,
    refuse_standing,
    removed,
)

_MOST_USERS = 1000
UserId = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]+$")
]


class When(Asked):
    """When it happens."""

    at: str | None = None
    """An instant that was, as in 2024-03-01T10:00:00Z; default: now. A replay has to be told."""


class Person(Asked):
    """Somebody who is enrolled."""

    user_id: UserId
    """Their id."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """What journeys read as the entry event's properties."""


class Enrolment(When):
    """Who is let into a journey."""

    users: Annotated[list[Person], Field(min_length=1, max_length=_MOST_USERS)]
    """They; re-entry is asked, the entry condition is not."""


class Leaving(When):
    """Which pass through the journey ends."""

    key: Annotated[str, StringConstraints(max_length=LONGEST_ID)] | None = None
    """Where a user is in it several times: only the pass with this key; default: all."""


class Move(When):
    """Where a user goes on."""

    step: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """A step of the journey."""


class Taken(Answer):
    """What was taken; it is done as soon as a worker has read it."""

    users: int
    """How many users that is about."""


async def _send(
    desk: Desk, call: Call, action: str, subjects: Sequence[str], notes: Sequence[Note | Erased]
) -> Reply:
    erasing = all(isinstance(note, Erased) for note in notes)
    records = [(note.user_id.encode(), written(note)) for note in notes]
    request = Request(call.who, "api", action, tuple(subjects))
    topic, now = topic_of(desk.project, erasing=erasing), desk.clock.now()
    async with desk.writing:
        await tell(
            desk.project, desk.bootstrap, request, Notes(desk.owners.own, topic, records), now
        )
    return Reply(Taken(users=len(notes)), HTTPStatus.ACCEPTED)


def _instant(desk: Desk, asked: When) -> int:
    return said_instant(desk.project, asked.at, desk.clock.now(), "at")


def _user(call: Call) -> str:
    user = call.path["user"]
    if len(user) > LONGEST_ID:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"a user's id has at most {LONGEST_ID} characters"
        )
    return user


async def enroll_users(desk: Desk, call: Call) -> Reply:
    """Let users into a journey by name."""
    journey, at = call.path["journey"], _instant(desk, call.body)
    current = await desk.published()
    view_of(journey, current)
    refuse_closed(journey, current)
    name = _name(call, at)
    notes = [enrolled(each.user_id, at, journey, each.properties, name) for each in call.body.users]
    return await _send(desk, call, "enroll", [journey], notes)


def _name(call: Call, at: int) -> str:
    """Return by what a note counts once: without a key, the same again is meant again."""
    return call.key or f"at {at}"


async def exit_user(desk: Desk, call: Call) -> Reply:
    """Take a user out of a journey, wherever they stand."""
    user, journey = _user(call), call.path["journey"]
    at, key = _instant(desk, call.query), call.query.key
    current = await desk.published()
    view_of(journey, current)
    refuse_left(journey, current)
    note = removed(user, at, journey, key, _name(call, at))
    return await _send(desk, call, "exit", [journey, user], [note])


async def move_user(desk: Desk, call: Call) -> Reply:
    """Bring a user who is in a journey to one of its steps, from which they go on."""
    user, journey, step = _user(call), call.path["journey"], call.body.step
    at, current = _instant(desk, call.body), await desk.published()
    view_of(journey, current)
    refuse_standing(journey, step, current)
    note = moved(user, at, journey, step, _name(call, at))
    return await _send(desk, call, "move", [journey, user], [note])


async def erase_user(desk: Desk, call: Call) -> Reply:
    """Forget a user; they leave everything, with all that is owed."""
    user = _user(call)
    return await _send(desk, call, "erase", [user], [Erased(user, _instant(desk, call.query))])


def _listing(*, joins: bool) -> Handler:
    async def handle(desk: Desk, call: Call) -> Reply:
        user, list_ = _user(call), call.path["list"]
        if len(list_) > LONGEST_ID:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"list: at most {LONGEST_ID} characters")
        at = _instant(desk, call.query)
        id_ = stable_id("list", list_, user, str(joins), _name(call, at))
        note = Listed(user, at, list_, joins, id_)
        action = "add to list" if joins else "remove from list"
        return await _send(desk, call, action, [list_, user], [note])

    handle.__name__ = "add_to_list" if joins else "remove_from_list"
    return handle


_ON_LIST = "/lists/{list}/users/{user}"
_TAKEN = HTTPStatus.ACCEPTED
ROUTES = [
    Route(
        "POST", "/journeys/{journey}/users", enroll_users, Role.WRITE, "Enrol users by name.",
        "users", answers=Taken, status=_TAKEN, body=Enrolment, refusals=(HTTPStatus.CONFLICT,),
    ),
    Route(
        "DELETE", "/journeys/{journey}/users/{user}", exit_user, Role.WRITE,
        "Take a user out of a journey.", "users", answers=Taken, status=_TAKEN, query=Leaving,
        refusals=(HTTPStatus.CONFLICT,),
    ),
    Route(
        "POST", "/journeys/{journey}/users/{user}/move", move_user, Role.WRITE,
        "Bring a user to a step.", "users", answers=Taken, status=_TAKEN, body=Move,
        refusals=(HTTPStatus.CONFLICT,),
    ),
    Route(
        "DELETE", "/users/{user}", erase_user, Role.ADMIN, "Erase a user.", "users",
        answers=Taken, status=_TAKEN, query=When,
    ),
    Route(
        "PUT", _ON_LIST, _listing(joins=True), Role.WRITE, "Put a user on a list.", "users",
        answers=Taken, status=_TAKEN, query=When,
    ),
    Route(
        "DELETE", _ON_LIST, _listing(joins=False), Role.WRITE, "Take a user off a list.",
        "users", answers=Taken, status=_TAKEN, query=When,
    ),
]  # fmt: skip
