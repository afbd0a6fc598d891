"""`journeystream templates`: journeys to begin with, listed and written out."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any

import typer

from journeystream.commands import output
from journeystream.commands.checking import AsJson
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.errors import UserError, did_you_mean
from journeystream.steps.send_to_destinations import SendToDestinations
from journeystream.yaml_text import documents

_ENDING = ".yaml"


def templates(
    template: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            show_default=False,
            help="Print this one.",
            autocompletion=lambda: list(_files()),
        ),
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """List journeys to begin with, or print one of them as a file.

    Each has examples, which validate runs. Put in the destinations that you have.

    Example: journeystream templates birthday > journeys/birthday.yaml
    """
    files = _files()
    if template is not None:
        if template not in files:
            raise UserError(f"there is no template {template!r}; {did_you_mean(template, files)}")
        files = {template: files[template]}
    if template is not None and not json:
        output.say(_text(files[template]).rstrip())
        return
    journeys = [_journey(file) for file in files.values()]
    if json:
        output.say_json([_row(journey) for journey in journeys])
        return
    output.say_table(
        ("id", "what it is for"),
        [(journey.id, journey.description.splitlines()[0]) for journey in journeys],
    )


def _files() -> dict[str, Traversable]:
    """Return id -> file, in the order of the ids; a file is named like the journey in it."""
    folder = resources.files("journeystream") / "templates"
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(_ENDING)}
    return {name.removesuffix(_ENDING): found[name] for name in sorted(found)}


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")


def _journey(file: Traversable) -> JourneyDefinition:
    """Return the journey of a file that may define audiences beside it."""
    read = (parse_definition(each, file.name) for each in documents(_text(file)))
    return next(each for each in read if isinstance(each, JourneyDefinition))


def _row(journey: JourneyDefinition) -> dict[str, Any]:
    sends = [step.sends for step in journey.steps if isinstance(step, SendToDestinations)]
    return {
        "id": journey.id,
        "name": journey.name,
        "description": journey.description,
        "destinations": sorted({sent.name for step in sends for sent in step}),
    }
