"""What publishing and the commands on journeys write to the control topic.

Law: everything is decided from what the topic says now, and refused as a whole when anything
is wrong. A journey that is published again keeps its version when only what may be edited in
place has changed (name, description, the destinations of send steps, examples); anything else
makes a new version, which new users enter, while users in flight stay on theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from journeystream.compiler import Workshop
from journeystream.condition_language import Condition
from journeystream.control_log import (
    Head,
    Published,
    PublishedVersion,
    audience_record,
    head_record,
    version_record,
    written,
)
from journeystream.definitions import (
    AudienceDefinition,
    JourneyDefinition,
    parse_definition,
)
from journeystream.errors import CommandRefused, DefinitionError, Problem
from journeystream.keys import keys_of
from journeystream.lifecycle import State, transition
from journeystream.project import Limits, Project
from journeystream.rehearsal import rehearse
from journeystream.validation import Known, validate_audience, validate_journey

_EDITABLE = ("name", "description", "examples")
_EDITABLE_IN_STEPS = ("name", "destinations", "key")


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing one definition means: the records to write, and what to tell."""

    id: str
    outcome: str
    records: tuple[tuple[bytes, bytes], ...]


def workshop_of(project: Project | None) -> Workshop:
    """Return what a project's journeys are compiled with; it has no audiences yet."""
    if project is None:
        return Workshop(ZoneInfo("UTC"), {}, lambda _: {})
    attributes = {each.name: each.attributes for each in project.destinations}
    return Workshop(
        project.zone, {}, lambda name: attributes.get(name, {}), project.time_zone_trait
    )


def check(
    definition: JourneyDefinition | AudienceDefinition,
    audiences: Mapping[str, Condition],
    project: Project | None,
) -> list[Problem]:
    """Return all that is wrong with a definition; its examples run once all else is well.

    Without a project any destination will do. `audiences` are all that it may name.
    """
    try:
        same = parse_definition(orjson.loads(orjson.dumps(written(definition))), definition.id)
    except (TypeError, ValueError, DefinitionError) as error:
        return [Problem("document", f"can not be written as JSON: {error}", "mend that value")]
    if same != definition:
        advice = "write numbers and texts that JSON has"
        return [Problem("document", "is another one when written as JSON", advice)]
    limits = Limits() if project is None else project.limits
    destinations = None if project is None else {each.name for each in project.destinations}
    known = Known(destinations, audiences, limits)
    if isinstance(definition, AudienceDefinition):
        return validate_audience(definition, known)
    problems = validate_journey(definition, known)
    if all(problem.warning for problem in problems):
        problems += rehearse(definition, replace(workshop_of(project), audiences=audiences))
    return problems


def publish(
    definitions: Sequence[JourneyDefinition | AudienceDefinition],
    published: Published,
    project: Project,
    now: int,
) -> list[Publication]:
    """Decide what publishing these (already checked) definitions writes, audiences first."""
    audiences = [each for each in definitions if isinstance(each, AudienceDefinition)]
    journeys = [each for each in definitions if isinstance(each, JourneyDefinition)]
    kept = {id_ for id_, head in published.heads.items() if head.state is not State.ARCHIVED}
    count, limit = len(kept | {journey.id for journey in journeys}), project.limits.journeys
    if count > limit:
        raise CommandRefused(
            f"{count} journeys would be more than limits.journeys = {limit}; archive some first"
        )
    _refuse_shared_keys(journeys, published, project)
    return [
        *(
            Publication(each.id, "audience published", (audience_record(each),))
            for each in audiences
        ),
        *(_publish_journey(each, published, project, now) for each in journeys),
    ]


def _refuse_shared_keys(
    journeys: Sequence[JourneyDefinition], published: Published, project: Project
) -> None:
    """Keep a key with one step: of two, one would take a member off a list that the other holds."""
    owners: dict[str, str] = {}
    for (id_, _), version in published.versions.items():
        # Older versions too: their users may still hold a list.
        if id_ in published.heads and published.heads[id_].state is not State.ARCHIVED:
            owners.update(dict.fromkeys(version.keys.values(), id_))
    for journey in journeys:
        before = published.head(journey.id)
        for key in keys_of(journey, before.keys if before else {}, project.limits.key).values():
            owner = owners.setdefault(key, journey.id)
            if owner != journey.id:
                raise CommandRefused(
                    f"journey {journey.id!r}: key {key!r} belongs to journey {owner!r}; "
                    f"choose another"
                )


def command(journey: str, name: str, published: Published) -> tuple[bytes, bytes]:
    """Return the record of a command over a journey; CommandRefused where it can not be."""
    head = published.heads.get(journey)
    if head is None:
        known = ", ".join(sorted(published.heads)) or "none"
        raise CommandRefused(f"no journey {journey!r} is published; published are: {known}")
    state = transition(journey, head.state, name)
    return head_record(journey, Head(state, head.version, head.retries + (name == "retry")))


def _publish_journey(
    journey: JourneyDefinition, published: Published, project: Project, now: int
) -> Publication:
    head = published.heads.get(journey.id)
    state = transition(journey.id, head.state if head else State.DRAFT, "publish")
    before = published.head(journey.id)
    keys = keys_of(journey, before.keys if before else {}, project.limits.key)
    if before is None or head is None:
        version, at, outcome = 1, now, "published as version 1"
    elif structure(before.definition) == structure(journey) and before.keys == keys:
        version, at = before.version, before.published_at
        same = _whole(before.definition) == _whole(journey)
        outcome = "unchanged" if same else f"version {version} edited in place"
    else:
        version = 1 + max(number for id_, number in published.versions if id_ == journey.id)
        at = now
        outcome = f"published as version {version}; users in flight stay on theirs"
    return Publication(
        journey.id,
        outcome,
        (
            version_record(PublishedVersion(journey, version, keys, at)),
            head_record(journey.id, Head(state, version, head.retries if head else 0)),
        ),
    )


def structure(journey: JourneyDefinition) -> dict[str, Any]:
    """Return what of a journey can not be edited while it is live."""
    data = {name: value for name, value in _whole(journey).items() if name not in _EDITABLE}
    data["steps"] = [
        {
            name: value
            for name, value in step.items()
            if step["type"] != "send_to_destinations" or name not in _EDITABLE_IN_STEPS
        }
        for step in data["steps"]
    ]
    return data


def _whole(journey: JourneyDefinition) -> dict[str, Any]:
    """Return a journey with its defaults spelled out: spelling one out changes nothing."""
    return journey.model_dump(mode="json", by_alias=True)
