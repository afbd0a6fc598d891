"""The life of a published journey: pause, resume, stop, retry, archive, unarchive."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from journeystream.api.changes import changed, demand_match
from journeystream.api.desk import Desk
from journeystream.api.journey_views import JourneyView, etag, view_of
from journeystream.api.routes import Asked, Call, Handler, Reply, Role, Route
from journeystream.control_log import Published, Record
from journeystream.publishing import command

_MEANINGS = {
    "pause": "Let no one enter.",
    "resume": "Let users enter again.",
    "retry": "Try again with users for whom it failed.",
    "unarchive": "Bring it back, paused and empty.",
    "stop": "Let nothing move any more, for good.",
    "archive": "End it; everyone in it leaves.",
}
_FOR_ADMINS = ("stop", "archive")


class Pausing(Asked):
    """How a journey is paused."""

    hold: bool = False
    """Whether users in it stay where they are until it resumes; else they go on."""


async def _changed(desk: Desk, call: Call, name: str, *, hold: bool = False) -> Reply:
    id_, now = call.path["journey"], desk.clock.now()

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        demand_match(call, etag(view_of(id_, current)))
        records = list(command(id_, name, current, hold=hold, now=now))
        view = view_of(id_, current.after(records))
        return records, Reply(view, etag=etag(view))

    return await changed(desk, call, name, [id_], decide)


async def pause_journey(desk: Desk, call: Call) -> Reply:
    """Let no one enter; users in it go on, or stay where they are."""
    return await _changed(desk, call, "pause", hold=call.body.hold)


def _handler(name: str) -> Handler:
    async def handle(desk: Desk, call: Call) -> Reply:
        return await _changed(desk, call, name)

    handle.__name__ = f"{name}_journey"
    return handle


ROUTES = [
    Route(
        "POST",
        f"/journeys/{{journey}}/{name}",
        pause_journey if name == "pause" else _handler(name),
        Role.ADMIN if name in _FOR_ADMINS else Role.WRITE,
        meaning,
        "journeys",
        answers=JourneyView,
        body=Pausing if name == "pause" else None,
        refusals=(HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    )
    for name, meaning in _MEANINGS.items()
]
