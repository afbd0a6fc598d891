"""`journeystream templates`: journeys to begin with, listed and written out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from journeystream.commands import output
from journeystream.commands.checking import AsJson
from journeystream.definitions import JourneyDefinition
from journeystream.errors import UserError, did_you_mean
from journeystream.steps.send_to_destinations import SendToDestinations
from journeystream.template_files import template_text
from journeystream.template_files import templates as templates_known


def templates(
    template: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            show_default=False,
            help="Print this one.",
            autocompletion=lambda: list(templates_known()),
        ),
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """List journeys to begin with, or print one of them as a file.

    Each has examples, which validate runs. Put in the destinations that you have.

    Example: journeystream templates birthday > journeys/birthday.yaml
    """
    known = templates_known()
    if template is not None:
        if template not in known:
            raise UserError(f"there is no template {template!r}; {did_you_mean(template, known)}")
        known = {template: known[template]}
    if template is not None and not json:
        output.say(template_text(template).rstrip())
        return
    if json:
        output.say_json([_row(journey) for journey in known.values()])
        return
    output.say_table(
        ("id", "what it is for"),
        [(journey.id, journey.description.splitlines()[0]) for journey in known.values()],
    )


def _row(journey: JourneyDefinition) -> dict[str, Any]:
    sends = [step.sends for step in journey.steps if isinstance(step, SendToDestinations)]
    return {
        "id": journey.id,
        "name": journey.name,
        "description": journey.description,
        "destinations": sorted({sent.name for step in sends for sent in step}),
    }
