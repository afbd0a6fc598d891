"""How journeys and drafts are shown: in lists, alone, and version by version.

Law: what is shown is made of what is published alone, so that the ETag of a view names its state.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from journeystream.answers import Answer
from journeystream.api.changes import etag_of
from journeystream.api.days import days_of
from journeystream.api.problems import Refused
from journeystream.control_log import Draft, Published, written
from journeystream.durations import iso
from journeystream.errors import did_you_mean
from journeystream.lifecycle import State

_MOST_NAMES = 1000


class JourneySummary(Answer):
    """A journey in a list."""

    id: str
    """Its id, which stays when it is renamed."""
    name: str
    """Its name."""
    description: str
    """What it is for."""
    status: State
    """Where in its life it is."""
    version: int | None
    """The version that new users enter; null: it is a draft."""
    hold: bool
    """Whether it is paused, and users in it stay where they are."""
    step_count: int
    """How many steps it has."""
    max_duration: float | None
    """After how many days everyone leaves; null: never, or after calendar months."""
    created_at: str
    """When the draft, or the first version, came to be."""
    updated_at: str
    """When the draft was saved, or this version published."""


class JourneyView(JourneySummary):
    """A journey with its definition."""

    definition: dict[str, Any]
    """As it was written."""
    versions: list[int]
    """The versions that were published; users in flight may be in any of them."""


class VersionView(Answer):
    """One version of a journey."""

    id: str
    """The journey."""
    version: int
    """The version, from 1."""
    published_at: str
    """When it was published."""
    keys: dict[str, str]
    """Send step to the key that destinations know it by."""
    definition: dict[str, Any]
    """As it was written."""


def summary_of(id_: str, current: Published) -> JourneySummary:
    """Return a journey or draft as a list shows it."""
    view = view_of(id_, current)
    return JourneySummary(**{name: getattr(view, name) for name in JourneySummary.model_fields})


def view_of(id_: str, current: Published) -> JourneyView:
    """Return a journey, or a draft; Refused where there is neither."""
    head, version = current.heads.get(id_), current.head(id_)
    if head is not None and version is not None:
        numbers = sorted(number for journey, number in current.versions if journey == id_)
        definition = version.definition
        return JourneyView(
            id=id_,
            name=definition.name,
            description=definition.description,
            status=head.state,
            version=head.version,
            hold=head.hold,
            step_count=len(definition.steps),
            max_duration=days_of(definition.max_duration),
            created_at=iso(current.versions[id_, numbers[0]].published_at),
            updated_at=iso(version.published_at),
            definition=written(definition),
            versions=numbers,
        )
    draft = current.drafts.get(id_)
    if draft is None:
        known = [*current.heads, *current.drafts][:_MOST_NAMES]
        raise Refused(
            HTTPStatus.NOT_FOUND, f"there is no journey {id_!r}; {did_you_mean(id_, known)}"
        )
    return draft_view(id_, draft)


def draft_view(id_: str, draft: Draft) -> JourneyView:
    """Return a draft as it is shown, whatever it says."""
    said = draft.definition
    steps = said.get("steps")
    return JourneyView(
        id=id_,
        name=str(said.get("name") or id_),
        description=str(said.get("description") or ""),
        status=State.DRAFT,
        version=None,
        hold=False,
        step_count=len(steps) if isinstance(steps, list) else 0,
        max_duration=days_of(said.get("maxDuration", said.get("max_duration"))),
        created_at=iso(draft.created_at),
        updated_at=iso(draft.updated_at),
        definition=dict(said),
        versions=[],
    )


def etag(view: JourneyView) -> str:
    """Return the name of a journey's state."""
    return etag_of(view.model_dump(mode="json"))
