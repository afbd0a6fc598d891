"""`journeystream validate`: all that is wrong with definitions, and their examples run."""

from __future__ import annotations

from typing import Annotated

import typer

from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson, Checked, Files, check_files, tell
from journeystream.commands.context import project_if_any, project_of


def validate(
    ctx: typer.Context,
    files: Files,
    *,
    json: AsJson = False,
    online: Annotated[
        bool, typer.Option("--online", help="Ask Kafka for the audiences that are published.")
    ] = False,
) -> None:
    """Check journeys and audiences, and run their examples.

    Needs no Kafka and, for a first look, no project file. Every problem is told at once, with
    the path to the field and what to do. Exit code 2 if there is any.

    Example: journeystream validate journeys/welcome.yaml
    """
    project = project_of(ctx) if online else project_if_any(ctx)
    audiences, computed = {}, None
    if project is None:
        output.remark("no project file here: the names of destinations are not checked")
    elif online:
        with broker(project) as bootstrap:
            current = ask(published(project, bootstrap))
            audiences, computed = current.conditions(), current.computed_traits
    checked = check_files(files, audiences, project, computed=computed)
    if json:
        output.say_json([each.as_json() for each in checked])
    else:
        tell(checked)
    if not online and _asks_for_audience(checked):
        output.remark("audiences come from the files given; --online knows the published ones too")
    if not all(each.ok for each in checked):
        raise typer.Exit(2)


def _asks_for_audience(checked: list[Checked]) -> bool:
    return any(problem.path.endswith(".audience") for each in checked for problem in each.problems)
