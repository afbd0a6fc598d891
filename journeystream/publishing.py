"""What publishing and the commands on journeys write to the control topic.

Law: everything is decided from what the topic says now, and refused as a whole when anything
is wrong. A journey that is published again keeps its version when only what may be edited in
place has changed (name, description, the destinations of send steps, examples); anything else
makes a new version, which new users enter, while users in flight stay on theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import orjson

from journeystream.compiler import Workshop
from journeystream.computed_traits import Computation, compile_computations
from journeystream.condition_language import Condition
from journeystream.control_log import (
    Head,
    Published,
    PublishedVersion,
    Written,
    audience_record,
    computed_trait_record,
    head_record,
    version_record,
    written,
)
from journeystream.definitions import (
    AudienceDefinition,
    ComputedTraitDefinition,
    Definition,
    JourneyDefinition,
    parse_definition,
)
from journeystream.errors import CommandRefused, DefinitionError, Problem
from journeystream.keys import keys_of
from journeystream.lifecycle import State, transition
from journeystream.outputs import journey_id, journey_of
from journeystream.planning import structure, whole
from journeystream.project import Limits, Project
from journeystream.rehearsal import rehearse
from journeystream.validation import Known, validate_audience, validate_journey

__all__ = ["Publication", "check", "command", "publish", "records_of", "structure", "workshop_of"]
_NONE_COMPUTED: Mapping[str, Computation] = {}


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing one definition means: the records to write, and what to tell."""

    id: str
    outcome: str
    records: tuple[Written, ...]


def records_of(publications: Iterable[Publication]) -> list[Written]:
    """Return all that publications write."""
    return [record for publication in publications for record in publication.records]


def workshop_of(project: Project | None) -> Workshop:
    """Return what a project's journeys are compiled with; it has no audiences yet."""
    if project is None:
        return Workshop(ZoneInfo("UTC"), {}, lambda _: {})
    attributes = {each.name: each.attributes for each in project.destinations}
    return Workshop(
        project.zone,
        {},
        lambda name: attributes.get(name, {}),
        zone_trait=project.time_zone_trait,
    )


def check(
    definition: Definition,
    audiences: Mapping[str, Condition],
    project: Project | None,
    journeys: Mapping[str, JourneyDefinition] | None = None,
    computed: Mapping[str, Computation] = _NONE_COMPUTED,
) -> list[Problem]:
    """Return all that is wrong with a definition; its examples run once all else is well.

    Without a project any destination will do. `audiences`, `journeys` and `computed` traits are all
    that it may name; without journeys, any will do.
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
    services = project is None or project.decisions is not None
    known = Known(destinations, audiences, limits, journeys, computed, services)
    if isinstance(definition, ComputedTraitDefinition):
        return []
    if isinstance(definition, AudienceDefinition):
        return validate_audience(definition, known)
    problems = validate_journey(definition, known)
    if definition.entry.use_history and project and project.kafka.guarantee == "at_least_once":
        # Who had learnt a part of it before a crash could not be told from who had not.
        advice = "leave it out, or set kafka.guarantee: exactly_once in the project file"
        problems.append(Problem("entry.use_history", "needs transactions", advice))
    if all(problem.warning for problem in problems):
        workshop = workshop_of(project)
        traits = compile_computations(computed, workshop.zone)
        problems += rehearse(definition, replace(workshop, audiences=audiences, computed=traits))
    return problems


def publish(
    definitions: Sequence[Definition],
    published: Published,
    project: Project,
    now: int,
) -> list[Publication]:
    """Decide what publishing these (already checked) definitions writes, journeys last."""
    traits = [each for each in definitions if isinstance(each, ComputedTraitDefinition)]
    audiences = [each for each in definitions if isinstance(each, AudienceDefinition)]
    telling = [journey_of(each) for each in audiences if each.destinations]
    journeys = [each for each in definitions if isinstance(each, JourneyDefinition)]
    kept = {id_ for id_, head in published.heads.items() if head.state is not State.ARCHIVED}
    wanted = {journey.id for journey in (*journeys, *telling)}
    count, limit = len(kept | wanted), project.limits.journeys
    if count > limit:
        raise CommandRefused(
            f"{count} journeys would be more than limits.journeys = {limit}; archive some first"
        )
    _refuse_shared_keys([*journeys, *telling], published, project)
    return [
        *(
            Publication(each.id, "computed trait published", (computed_trait_record(each),))
            for each in traits
        ),
        *(_publish_audience(each, published, project, now) for each in audiences),
        *(_publish_journey(each, published, project, now) for each in journeys),
    ]


def _refuse_shared_keys(
    journeys: Sequence[JourneyDefinition], published: Published, project: Project
) -> None:
    """Keep a key with one step: of two, one would take a member off a list that the other holds."""
    owners = _owners(published)
    for journey in journeys:
        before = published.head(journey.id)
        for key in keys_of(journey, before.keys if before else {}, project.limits.key).values():
            owner = owners.setdefault(key, journey.id)
            if owner != journey.id:
                raise CommandRefused(
                    f"journey {journey.id!r}: key {key!r} belongs to journey {owner!r}; "
                    f"choose another"
                )


def _owners(published: Published) -> dict[str, str]:
    """Return key -> the journey that has it; older versions' users may still hold a list."""
    owners: dict[str, str] = {}
    for (id_, _), version in published.versions.items():
        if id_ in published.heads and published.heads[id_].state is not State.ARCHIVED:
            owners.update(dict.fromkeys(version.keys.values(), id_))
    return owners


def command(
    journey: str, name: str, published: Published, *, hold: bool = False, now: int = 0
) -> tuple[Written, ...]:
    """Return the records of a command over a journey; CommandRefused where it can not be.

    `hold` belongs to `pause`: users in flight stay where they are. `now` is when it is given.
    """
    head = published.heads.get(journey)
    if head is None:
        known = ", ".join(sorted(published.heads)) or "none"
        raise CommandRefused(f"no journey {journey!r} is published; published are: {known}")
    state = transition(journey, head.state, name)
    after = replace(head, state=state, retries=head.retries + (name == "retry"))
    if name in ("pause", "resume"):
        after = replace(after, hold=hold, reviews=head.reviews + (head.hold and not hold))
    if name != "unarchive":
        return (head_record(journey, after),)
    last = published.versions[journey, head.version]
    owners = _owners(published)
    for key in last.keys.values():
        if key in owners:
            raise CommandRefused(
                f"journey {journey!r}: key {key!r} belongs to journey {owners[key]!r} now; "
                f"archive that one first, or clone this one"
            )
    return _anew(last.definition, last.keys, after, published, now)


def _anew(
    journey: JourneyDefinition, keys: Mapping[str, str], head: Head, published: Published, now: int
) -> tuple[Written, ...]:
    """Bring an archived journey back as a new version: only what happens from now on counts.

    While it was archived nobody noted what counts for it. Whoever a worker that was down has not
    taken out yet leaves by it too.
    """
    number = _next_number(journey.id, published)
    emptied = journey.model_copy(update={"in_flight": "exit"})
    head = replace(head, version=number, hold=False, reviews=head.reviews + 1)
    return (
        version_record(PublishedVersion(emptied, number, keys, now)),
        head_record(journey.id, head),
    )


def _next_number(journey: str, published: Published) -> int:
    return 1 + max(number for id_, number in published.versions if id_ == journey)


def _publish_audience(
    audience: AudienceDefinition, published: Published, project: Project, now: int
) -> Publication:
    """Publish an audience, and the journey that tells its destinations; end one that it had."""
    records = [audience_record(audience)]
    own = journey_id(audience.id)
    head, was = published.heads.get(own), published.audiences.get(audience.id)
    archived = head is not None and head.state is State.ARCHIVED
    told = was is not None and bool(was.destinations)
    if head is not None and not archived and not told and audience.destinations:
        raise CommandRefused(f"there is a journey {own!r}; give it, or the audience, another id")
    if head is not None and archived and audience.destinations:
        journey = journey_of(audience)
        keys = keys_of(journey, {}, project.limits.key)
        records += _anew(journey, keys, replace(head, state=State.LIVE), published, now)
    elif audience.destinations:
        records += _publish_journey(journey_of(audience), published, project, now).records
    elif told and not archived:
        records += command(own, "archive", published)
    return Publication(audience.id, "audience published", tuple(records))


def _publish_journey(
    journey: JourneyDefinition, published: Published, project: Project, now: int
) -> Publication:
    head = published.heads.get(journey.id)
    state = transition(journey.id, head.state if head else State.DRAFT, "publish")
    before = published.head(journey.id)
    keys = keys_of(journey, before.keys if before else {}, project.limits.key)
    reviews = head.reviews if head else 0
    if before is None or head is None:
        version, at, outcome = 1, now, "published as version 1"
    elif structure(before.definition) == structure(journey) and before.keys == keys:
        version, at = before.version, before.published_at
        same = whole(before.definition) == whole(journey)
        outcome = "unchanged" if same else f"version {version} edited in place"
    else:
        version, at = _next_number(journey.id, published), now
        reviews += journey.in_flight != "pin"
        outcome = f"published as version {version}; users in flight {_in_flight(journey)}"
    return Publication(
        journey.id,
        outcome,
        (
            version_record(PublishedVersion(journey, version, keys, at)),
            head_record(
                journey.id,
                replace(
                    head or Head(state, version), state=state, version=version, reviews=reviews
                ),
            ),
        ),
    )


def _in_flight(journey: JourneyDefinition) -> str:
    said = {"pin": "stay on theirs", "exit": "leave"}
    return said.get(str(journey.in_flight), "go over to it")
