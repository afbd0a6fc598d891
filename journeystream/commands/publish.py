"""`journeystream publish`: makes definitions live, all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from journeystream.agents.census import Census, take_census
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson, Checked, Files, check_files, tell
from journeystream.commands.context import project_of
from journeystream.control_client import write
from journeystream.control_log import Published
from journeystream.definitions import Definition, JourneyDefinition
from journeystream.planning import plan
from journeystream.project import Project
from journeystream.publishing import Publication
from journeystream.publishing import publish as decide


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
        checked = check_files(
            files, current.conditions(), project, current.journeys(), current.computed_traits
        )
        done: list[Publication] = []
        if all(each.ok for each in checked):
            definitions = [each.definition for each in checked if each.definition]
            if only_plan:
                _say_plan(definitions, current, partial(_census, project, bootstrap))
                return
            done = decide(definitions, current, project, WallClock().now())
            _write(project, bootstrap, done)
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


def _write(project: Project, bootstrap: BrokerAccess, done: list[Publication]) -> None:
    records = [record for publication in done for record in publication.records]
    ask(write(project.control_topic, bootstrap, records))


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
