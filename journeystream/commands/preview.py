"""`journeystream preview`: who would enter a journey if it was published now.

Laws:

1. It writes nothing, and disturbs no worker: users are read from the changelog as committed.
2. A file is judged as by `journeystream publish`, with what is published and what is in it beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from journeystream.agents.users_now import StateNow, state_now
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson, check_files, tell
from journeystream.commands.context import project_of
from journeystream.commands.explain import now_in
from journeystream.commands.reading import reading
from journeystream.compiler import Workshop
from journeystream.computed_traits import compile_computations
from journeystream.control_log import Published
from journeystream.definitions import (
    AudienceDefinition,
    ComputedTraitDefinition,
    Definition,
    JourneyDefinition,
)
from journeystream.errors import CommandRefused, UserError, did_you_mean
from journeystream.previewing import Judged, Preview, Previewer
from journeystream.project import Project
from journeystream.publishing import workshop_of

_BY = {
    "conditions": "",
    "trigger": "; of them those enter who reach the step that triggers it",
    "enrolment": "; of them those enter who are enrolled by name",
}


@dataclass(frozen=True, slots=True)
class _Draft:
    """Journeys that are previewed, and what they are compiled with."""

    journeys: tuple[JourneyDefinition, ...]
    workshop: Workshop


def preview(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|JOURNEY", show_default=False, help="A file, or a published journey's id."
        ),
    ],
    *,
    json: AsJson = False,
) -> None:
    """Estimate who would enter a journey if it was published now.

    It reads all users' state: on millions of them that takes minutes. Of events only those are
    known that published journeys have counted; leaves that can not be known are told.

    Example: journeystream preview journeys/welcome.yaml
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        current = ask(published(project, bootstrap))
        draft = _draft(what, current, project)
        with reading() as told:
            state = ask(state_now(project.changelog_topic, bootstrap, tell=told))
    previews = [_preview(each, draft, current, state, project) for each in draft.journeys]
    if json:
        output.say_json([each.as_json() for each in previews])
        return
    for each in previews:
        for line in _lines(each):
            output.say(line)


def _draft(what: str, current: Published, project: Project) -> _Draft:
    workshop = current.equipped(workshop_of(project))
    file = Path(what)
    if not file.exists():
        head = current.head(what)
        if head is None:
            raise CommandRefused(
                f"{what!r} is no file, nor is a journey of that id published; "
                f"{did_you_mean(what, current.heads.keys())}"
            )
        return _Draft((head.definition,), workshop)
    checked = check_files(
        [file], current.conditions(), project, current.journeys(), current.computed_traits
    )
    definitions = [each.definition for each in checked if each.definition is not None]
    if not all(each.ok for each in checked):
        tell([each for each in checked if not each.ok])
        raise typer.Exit(2)
    journeys = tuple(each for each in definitions if isinstance(each, JourneyDefinition))
    if not journeys:
        raise UserError(f"{file}: there is no journey in it; name a file with one")
    return _Draft(journeys, _beside(definitions, workshop))


def _beside(definitions: list[Definition], workshop: Workshop) -> Workshop:
    """Return the workshop with the audiences and computed traits of the file over the others."""
    audiences = {
        each.id: each.condition for each in definitions if isinstance(each, AudienceDefinition)
    }
    traits = {each.id: each for each in definitions if isinstance(each, ComputedTraitDefinition)}
    computed = compile_computations(traits, workshop.zone)
    return replace(
        workshop,
        audiences={**workshop.audiences, **audiences},
        computed={**workshop.computed, **computed},
    )


def _preview(
    definition: JourneyDefinition,
    draft: _Draft,
    current: Published,
    state: StateNow,
    project: Project,
) -> Preview:
    previewer = Previewer(definition, draft.workshop, current.compiled(workshop_of(project)))
    wall = WallClock().now()

    def judged() -> Iterator[Judged]:
        for user in state.everyone():
            now = now_in(project, state.partition_of(user.id).clock, wall)
            yield previewer.judge(user, now)

    return previewer.preview(judged())


def _lines(preview: Preview) -> Iterator[str]:
    meet = "meets" if preview.qualify == 1 else "meet"
    users, more = output.count_of(preview.users, "user"), _BY[preview.enters_by]
    yield f"{preview.journey}: {preview.qualify:,} of {users} {meet} all that entering asks{more}"
    if preview.kept_out:
        yield f"  besides {preview.kept_out:,} who are in it, or may not enter it again"
    if preview.unknown:
        yield f"  and {preview.unknown:,} of whom it can not be known"
    yield f"  entering by the publishing itself: {preview.at_once:,}"
    for leaf in preview.unknown_leaves:
        yield f"  can not be known, as no published journey counts it: {leaf}"
    if preview.sample:
        more = ", …" if preview.qualify > len(preview.sample) else ""
        yield f"  such as {', '.join(preview.sample)}{more}"
