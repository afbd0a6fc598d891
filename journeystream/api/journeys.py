"""Journeys: from a draft to the archive.

Laws: a draft is any object, as it is while somebody designs it; it has to be right when it is
published. What is published keeps its version while only what may be edited in place changes; a
live journey is not changed in structure (pause it first), and only a draft is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import Field

from journeystream.api.changes import changed, demand_match
from journeystream.api.desk import Desk
from journeystream.api.journey_views import (
    JourneySummary,
    JourneyView,
    VersionView,
    draft_view,
    etag,
    summary_of,
    view_of,
)
from journeystream.api.problems import Refused
from journeystream.api.routes import Asked, Call, Page, Paging, Reply, Role, Route
from journeystream.control_log import Draft, Published, Record, draft_record, written
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.dialects import id_of
from journeystream.durations import iso
from journeystream.errors import CommandRefused, DefinitionError, Problem
from journeystream.lifecycle import State
from journeystream.planning import plan, without_keys
from journeystream.publishing import check, publish, records_of
from journeystream.steps.contract import ID_PATTERN

_SAME_STATE = {"active": State.LIVE}  # as decision platforms call it


class Listing(Paging):
    """Which journeys."""

    status: State | None = None
    """Only those in this state."""


class Cloning(Asked):
    """What a clone is called."""

    id: str | None = Field(default=None, pattern=ID_PATTERN)
    """The clone's id; default: ID-copy."""
    name: str | None = Field(default=None, min_length=1, max_length=500)
    """The clone's name; default: the same."""


def journey_document(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a draft with an id; Refused where that is none."""
    id_ = said.get("id") or id_of(str(said.get("name") or ""))
    if not isinstance(id_, str) or re.fullmatch(ID_PATTERN, id_) is None:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"id is {str(id_)[:60]!r}; it has to match {ID_PATTERN}",
        )
    return {**said, "id": id_}


def _shown(id_: str, current: Published) -> Reply:
    return _reply(view_of(id_, current))


def _reply(view: JourneyView, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(view, status=status, etag=etag(view))


async def list_journeys(desk: Desk, call: Call) -> Reply:
    """List journeys and drafts, in order of id."""
    current, asked = await desk.published(), call.query
    ids = sorted({*current.heads, *current.drafts})
    found = [
        summary
        for id_ in ids
        if id_ > asked.after
        and (id_ in current.drafts or current.head(id_) is not None)
        and (summary := summary_of(id_, current)).status == (asked.status or summary.status)
    ]
    items = found[: asked.limit]
    more = items[-1].id if len(found) > len(items) else None
    return Reply(Page[JourneySummary](items=items, next=more))


async def create_journey(desk: Desk, call: Call) -> Reply:
    """Save a draft; its id, where it has none, comes from its name."""
    document = journey_document(call.body)
    id_ = document["id"]
    now = desk.clock.now()

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        if id_ in current.heads or id_ in current.drafts:
            raise CommandRefused(f"there is a journey {id_!r} already; choose another id")
        _refuse_many(current, desk)
        _refuse_status(document, State.DRAFT)
        draft = Draft(document, now, now)
        view = draft_view(id_, draft)
        return [draft_record(id_, draft)], _reply(view, HTTPStatus.CREATED)

    return await changed(desk, call, "create", [id_], decide)


def _refuse_many(current: Published, desk: Desk) -> None:
    """Keep the drafts, which every worker reads, as few as journeys."""
    limit = desk.project.limits.journeys
    if len(current.drafts) >= limit:
        raise CommandRefused(
            f"there are {limit} drafts, as many as limits.journeys; delete or publish some first"
        )


async def get_journey(desk: Desk, call: Call) -> Reply:
    """Show a journey, or a draft."""
    return _shown(call.path["journey"], await desk.published())


async def get_version(desk: Desk, call: Call) -> Reply:
    """Show one version of a journey."""
    id_, number = call.path["journey"], call.path["version"]
    current = await desk.published()
    version = current.versions.get((id_, int(number))) if number.isdecimal() else None
    if version is None:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is no version {number} of journey {id_!r}")
    return Reply(
        VersionView(
            id=id_,
            version=version.version,
            published_at=iso(version.published_at),
            keys=dict(version.keys),
            definition=written(version.definition),
        )
    )


async def update_journey(desk: Desk, call: Call) -> Reply:
    """Save a draft anew; or edit a journey, in structure only while it is paused."""
    id_, now = call.path["journey"], desk.clock.now()
    document = journey_document({"id": id_, **call.body})
    if document["id"] != id_:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"id is {document['id']!r}; it stays {id_!r}"
        )

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        before = view_of(id_, current)
        demand_match(call, etag(before))
        _refuse_status(document, before.status)
        if before.status is State.DRAFT:
            draft = Draft(document, current.drafts[id_].created_at, now)
            view = draft_view(id_, draft)
            return [draft_record(id_, draft)], _reply(view)
        journey = sound(document, current, desk)
        _refuse_structural(journey, before, current)
        return _published_anew(journey, current, desk, now)

    return await changed(desk, call, "update", [id_], decide)


def _refuse_status(document: Mapping[str, Any], state: State) -> None:
    """Refuse a state that is written down: it would not come about."""
    said = document.get("status")
    if said is not None and _SAME_STATE.get(str(said), said) != state:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"status is {str(said)[:60]!r}, and the journey is {state}: leave it out; "
            f"POST /journeys/{document['id']}/publish makes it live, and pause, resume, stop and "
            f"archive say the rest",
        )


def _refuse_structural(journey: JourneyDefinition, before: JourneyView, current: Published) -> None:
    published = current.head(before.id)
    if before.status is not State.LIVE or published is None:
        return
    differences = plan(published.definition, journey).differences
    if differences:
        raise CommandRefused(
            f"journey {before.id!r} is live, and this changes {', '.join(differences)}; pause it "
            f"first, or publish it as a new version: POST /journeys/{before.id}/publish"
        )


async def delete_journey(desk: Desk, call: Call) -> Reply:
    """Delete a draft; what is published is archived, not deleted."""
    id_ = call.path["journey"]

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        view = view_of(id_, current)
        demand_match(call, etag(view))
        if view.status is not State.DRAFT:
            raise CommandRefused(
                f"journey {id_!r} is {view.status}: only drafts can be deleted; archive it"
            )
        return [draft_record(id_, None)], Reply(status=HTTPStatus.NO_CONTENT)

    return await changed(desk, call, "delete", [id_], decide)


async def clone_journey(desk: Desk, call: Call) -> Reply:
    """Make a draft of a journey under another id; keys set by hand are left out."""
    id_, now = call.path["journey"], desk.clock.now()
    new_id = journey_document({"id": call.body.id or f"{id_}-copy"})["id"]

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        definition = view_of(id_, current).definition
        if new_id in current.heads or new_id in current.drafts:
            raise CommandRefused(f"there is a journey {new_id!r} already; choose another id")
        _refuse_many(current, desk)
        document = {**without_keys(definition), "id": new_id}
        if call.body.name is not None:
            document["name"] = call.body.name
        draft = Draft(document, now, now)
        view = draft_view(new_id, draft)
        return [draft_record(new_id, draft)], _reply(view, HTTPStatus.CREATED)

    return await changed(desk, call, "clone", [id_, new_id], decide)


async def publish_journey(desk: Desk, call: Call) -> Reply:
    """Make a draft live, or publish a journey as a new version if a definition is sent."""
    id_, now = call.path["journey"], desk.clock.now()

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        view = view_of(id_, current)
        demand_match(call, etag(view))
        document = journey_document({"id": id_, **call.body}) if call.body else view.definition
        journey = sound(document, current, desk)
        if journey.id != id_:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"id is {journey.id!r}, not {id_!r}")
        return _published_anew(journey, current, desk, now)

    return await changed(desk, call, "publish", [id_], decide)


def _published_anew(
    journey: JourneyDefinition, current: Published, desk: Desk, now: int
) -> tuple[Sequence[Record], Reply]:
    """Publish, and show what that leads to; a draft is none any more."""
    records: list[Record] = [*records_of(publish([journey], current, desk.project, now))]
    if journey.id in current.drafts:
        records.append(draft_record(journey.id, None))
    return records, _shown(journey.id, current.after(records))


def sound(document: object, current: Published, desk: Desk) -> JourneyDefinition:
    """Return the journey that a document defines; DefinitionError lists all that is wrong."""
    definition = parse_definition(document, "journey")
    if not isinstance(definition, JourneyDefinition):
        raise DefinitionError(
            "journey", [Problem("kind", f"is {definition.kind}", "send a journey")]
        )
    found = check(
        definition,
        current.conditions(),
        desk.project,
        current.journeys(),
        current.computed_traits,
    )
    if any(not problem.warning for problem in found):
        raise DefinitionError(f"journey {definition.id}", found)
    return definition


_CONFLICT = (HTTPStatus.CONFLICT,)
_CHANGED = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
_ONE = "/journeys/{journey}"
ROUTES = [
    Route(
        "GET", "/journeys", list_journeys, Role.READ, "List journeys and drafts.", "journeys",
        answers=Page[JourneySummary], query=Listing,
    ),
    Route(
        "POST", "/journeys", create_journey, Role.WRITE, "Save a draft.", "journeys",
        answers=JourneyView, status=HTTPStatus.CREATED, takes_any=True, refusals=_CONFLICT,
    ),
    Route(
        "GET", _ONE, get_journey, Role.READ, "Show a journey.", "journeys", answers=JourneyView,
    ),
    Route(
        "PUT", _ONE, update_journey, Role.WRITE, "Change a journey.", "journeys",
        answers=JourneyView, takes_any=True, refusals=_CHANGED,
    ),
    Route(
        "DELETE", _ONE, delete_journey, Role.ADMIN, "Delete a draft.", "journeys",
        status=HTTPStatus.NO_CONTENT, refusals=_CHANGED,
    ),
    Route(
        "GET", _ONE + "/versions/{version}", get_version, Role.READ, "Show a version.",
        "journeys", answers=VersionView,
    ),
    Route(
        "POST", _ONE + "/clone", clone_journey, Role.WRITE, "Clone a journey.", "journeys",
        answers=JourneyView, status=HTTPStatus.CREATED, body=Cloning, refusals=_CONFLICT,
    ),
    Route(
        "POST", _ONE + "/publish", publish_journey, Role.WRITE, "Make a journey live.",
        "journeys", answers=JourneyView, takes_any=True, refusals=_CHANGED,
    ),
]  # fmt: skip
