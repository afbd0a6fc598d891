"""What journeys name: audiences, computed traits, destinations, templates.

Law: publishing an audience or a trait changes what it means in every journey that asks for it, at
once; so what is sent is checked as on the command line, and refused as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

from journeystream.answers import Answer
from journeystream.api.changes import changed, demand_match, etag_of
from journeystream.api.desk import Desk
from journeystream.api.problems import Refused
from journeystream.api.routes import Call, Page, Paging, Reply, Role, Route
from journeystream.control_log import Published, Record, written
from journeystream.definitions import (
    AudienceDefinition,
    ComputedTraitDefinition,
    Definition,
    parse_definition,
)
from journeystream.errors import DefinitionError, Problem, did_you_mean
from journeystream.publishing import check, publish, records_of
from journeystream.template_files import template_text, templates

_KINDS = {"audiences": "audience", "computed-traits": "computed_trait"}


class NamedView(Answer):
    """An audience or a computed trait."""

    id: str
    """What journeys call it."""
    name: str
    """Its name."""
    description: str
    """What it is for."""
    definition: dict[str, Any]
    """As it was written."""


class DestinationView(Answer):
    """Where send steps write; the project file says it."""

    name: str
    """What send steps call it."""
    type: Literal["event", "list"]
    """Entered and Exited events, or a list as it now is."""
    topic: str
    """The topic."""
    attributes: dict[str, str]
    """Output name to where its value comes from."""


class TemplateView(Answer):
    """A journey to begin with."""

    id: str
    """Its id."""
    name: str
    """Its name."""
    description: str
    """What it is for, and where it comes from."""
    text: str
    """The file."""


def _views(kind: str, current: Published) -> dict[str, NamedView]:
    found: dict[str, Any] = {
        **(current.audiences if kind == "audiences" else current.computed_traits)
    }
    return {
        id_: NamedView(
            id=id_, name=each.name, description=each.description, definition=written(each)
        )
        for id_, each in sorted(found.items())
    }


def _view(kind: str, id_: str, current: Published) -> NamedView:
    views = _views(kind, current)
    if id_ not in views:
        raise Refused(
            HTTPStatus.NOT_FOUND, f"there is no {_KINDS[kind]} {id_!r}; {did_you_mean(id_, views)}"
        )
    return views[id_]


def _page(views: dict[str, NamedView], asked: Paging) -> Reply:
    found = [view for id_, view in views.items() if id_ > asked.after]
    items = found[: asked.limit]
    more = items[-1].id if len(found) > len(items) else None
    return Reply(Page[NamedView](items=items, next=more))


async def list_audiences(desk: Desk, call: Call) -> Reply:
    """List audiences, in order of id."""
    return _page(_views("audiences", await desk.published()), call.query)


async def list_computed_traits(desk: Desk, call: Call) -> Reply:
    """List computed traits, in order of id."""
    return _page(_views("computed-traits", await desk.published()), call.query)


def _shown(view: NamedView) -> Reply:
    return Reply(view, etag=etag_of(view.definition))


async def get_audience(desk: Desk, call: Call) -> Reply:
    """Show an audience."""
    return _shown(_view("audiences", call.path["audience"], await desk.published()))


async def get_computed_trait(desk: Desk, call: Call) -> Reply:
    """Show a computed trait."""
    return _shown(_view("computed-traits", call.path["trait"], await desk.published()))


async def put_audience(desk: Desk, call: Call) -> Reply:
    """Publish an audience."""
    return await _put(desk, call, "audiences", call.path["audience"])


async def put_computed_trait(desk: Desk, call: Call) -> Reply:
    """Publish a computed trait."""
    return await _put(desk, call, "computed-traits", call.path["trait"])


async def _put(desk: Desk, call: Call, kind: str, id_: str) -> Reply:
    now = desk.clock.now()
    document = {**call.body, "kind": _KINDS[kind], "id": call.body.get("id", id_)}
    definition = parse_definition(document, f"{_KINDS[kind]} {id_}")
    if definition.id != id_:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"id is {definition.id!r}, not {id_!r}")

    def decide(current: Published) -> tuple[Sequence[Record], Reply]:
        views = _views(kind, current)
        demand_match(call, etag_of(views[id_].definition) if id_ in views else None)
        _refuse_flaws(definition, current, desk)
        records = records_of(publish([definition], current, desk.project, now))
        return records, _shown(_view(kind, id_, current.after(records)))

    return await changed(desk, call, "publish", [f"{_KINDS[kind]}/{id_}"], decide)


def _refuse_flaws(definition: Definition, current: Published, desk: Desk) -> None:
    conditions, traits = current.conditions(), dict(current.computed_traits)
    if isinstance(definition, AudienceDefinition):
        conditions[definition.id] = definition.condition
    elif isinstance(definition, ComputedTraitDefinition):
        traits[definition.id] = definition
    found: list[Problem] = check(definition, conditions, desk.project, current.journeys(), traits)
    if any(not problem.warning for problem in found):
        raise DefinitionError(f"{definition.kind} {definition.id}", found)


async def list_destinations(desk: Desk, _: Call) -> Reply:
    """List destinations."""
    return Reply(
        [
            DestinationView(
                name=each.name,
                type=each.type,
                topic=each.topic,
                attributes=each.attributes,
            )
            for each in desk.project.destinations
        ]
    )


async def list_templates(_: Desk, __: Call) -> Reply:
    """List journeys to begin with."""
    return Reply([_template(id_) for id_ in templates()])


async def get_template(_: Desk, call: Call) -> Reply:
    """Show a journey to begin with."""
    id_ = call.path["template"]
    if id_ not in templates():
        raise Refused(
            HTTPStatus.NOT_FOUND, f"there is no template {id_!r}; {did_you_mean(id_, templates())}"
        )
    return Reply(_template(id_))


def _template(id_: str) -> TemplateView:
    journey = templates()[id_]
    return TemplateView(
        id=id_, name=journey.name, description=journey.description, text=template_text(id_)
    )


_CHANGED = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
ROUTES = [
    Route(
        "GET", "/audiences", list_audiences, Role.READ, "List audiences.", "audiences and traits",
        answers=Page[NamedView], query=Paging,
    ),
    Route(
        "GET", "/audiences/{audience}", get_audience, Role.READ, "Show an audience.",
        "audiences and traits", answers=NamedView,
    ),
    Route(
        "PUT", "/audiences/{audience}", put_audience, Role.WRITE, "Publish an audience.",
        "audiences and traits", answers=NamedView, takes_any=True, refusals=_CHANGED,
    ),
    Route(
        "GET", "/computed-traits", list_computed_traits, Role.READ, "List computed traits.",
        "audiences and traits", answers=Page[NamedView], query=Paging,
    ),
    Route(
        "GET", "/computed-traits/{trait}", get_computed_trait, Role.READ, "Show a computed trait.",
        "audiences and traits", answers=NamedView,
    ),
    Route(
        "PUT", "/computed-traits/{trait}", put_computed_trait, Role.WRITE,
        "Publish a computed trait.", "audiences and traits", answers=NamedView, takes_any=True,
        refusals=_CHANGED,
    ),
    Route(
        "GET", "/destinations", list_destinations, Role.READ, "List destinations.",
        "destinations and templates", answers=list[DestinationView],
    ),
    Route(
        "GET", "/templates", list_templates, Role.READ, "List journeys to begin with.",
        "destinations and templates", answers=list[TemplateView],
    ),
    Route(
        "GET", "/templates/{template}", get_template, Role.READ, "Show a journey to begin with.",
        "destinations and templates", answers=TemplateView,
    ),
]  # fmt: skip
