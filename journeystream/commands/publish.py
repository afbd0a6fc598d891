"""`journeystream publish`: makes definitions live, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from journeystream.agents.census import Census, take_census
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson, Checked, Files, check_files, tell
from journeystream.commands.context import asked, project_of
from journeystream.control_client import change
from journeystream.control_log import Published, Record
from journeystream.definitions import Definition, JourneyDefinition
from journeystream.planning import plan
from journeystream.project import Project
from journeystream.publishing import Publication, records_of
from journeystream.publishing import publish as decided

_Done = tuple[list[Checked], list[Publication]]


def publish(
    ctx: typer.Context,
    files: Files,
    *,
    json: AsJson = False,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Show what it would mean; publish nothing.")
    ] = False,
) -> None:
    """Check journeys and audiences, and make them live.

    If any has a problem, none is published (exit code 2). A journey that is published again
    becomes a new version, unless only names, descriptions or destinations have changed; users
    in flight stay on their version, unless its `in_flight` says otherwise. See --plan.

    Example: journeystream publish journeys/welcome.yaml
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        current = ask(published(project, bootstrap))
        checked, done = _checked(files, current, project), list[Publication]()
        if only_plan:
            if all(each.ok for each in checked):
                definitions = [each.definition for each in checked if each.definition]
                _say_plan(definitions, current, partial(_census, project, bootstrap))
                return
        elif all(each.ok for each in checked):
            # Decided anew, from what is published when it is our turn to write.
            checked, done = _publish(files, project, bootstrap)
    if json:
        _say_json(checked, done)
    else:
        # Of what is well nothing is told that publishing does not say better.
        tell([each for each in checked if each.problems])
        for publication in done:
            output.say(f"{publication.id}: {publication.outcome}")
    if not done:
        output.remark("nothing was published")
        raise typer.Exit(2)


def _publish(files: list[Path], project: Project, bootstrap: BrokerAccess) -> _Done:
    """Publish all that files define, if all of it is well."""
    now = WallClock().now()

    def decide(
        current: Published,
    ) -> tuple[Sequence[Record], tuple[list[Checked], list[Publication]]]:
        checked, done = _checked(files, current, project), list[Publication]()
        if all(each.ok for each in checked):
            definitions = [each.definition for each in checked if each.definition]
            done = decided(definitions, current, project, now)
        return records_of(done), (checked, done)

    request = asked("publish", [str(file) for file in files])
    return ask(change(project, bootstrap, request, decide, now))


def _checked(files: list[Path], current: Published, project: Project) -> list[Checked]:
    return check_files(
        files, current.conditions(), project, current.journeys(), current.computed_traits
    )


def _census(project: Project, bootstrap: BrokerAccess) -> Census:
    return ask(take_census(project.changelog_topic, bootstrap))


def _say_plan(
    definitions: list[Definition], current: Published, census: Callable[[], Census]
) -> None:
    for definition in definitions:
        before = current.head(definition.id) if isinstance(definition, JourneyDefinition) else None
        if before is None or not isinstance(definition, JourneyDefinition):
            output.say(f"{definition.id}: nobody is in flight")
            continue
        meant = plan(before.definition, definition)
        # Counting reads the whole changelog: only where it matters.
        found = census().journeys.get(definition.id) if meant.differences else None
        for line in meant.lines(found.steps if found else {}):
            output.say(line)


def _say_json(checked: list[Checked], done: list[Publication]) -> None:
    # By kind too: a journey may have an audience's id.
    outcomes = {(each.id, each.outcome.startswith("audience")): each.outcome for each in done}
    output.say_json(
        [
            {
                **(told := each.as_json()),
                "outcome": outcomes.get((told["id"], told["kind"] == "audience")),
            }
            for each in checked
        ]
    )
