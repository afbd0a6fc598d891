"""`journeystream clone`: a published journey becomes a draft file again, under another id."""

from __future__ import annotations

from io import StringIO
from typing import Annotated

import typer
from ruamel.yaml import YAML

from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.completing import journey_ids
from journeystream.commands.context import project_of
from journeystream.control_log import Published, written
from journeystream.errors import CommandRefused
from journeystream.planning import without_keys


def clone(
    ctx: typer.Context,
    journey: Annotated[
        str,
        typer.Argument(
            metavar="ID", show_default=False, help="A journey's id.", autocompletion=journey_ids
        ),
    ],
    new_id: Annotated[
        str | None,
        typer.Option("--as", metavar="NEW_ID", show_default=False, help="Default: ID-copy."),
    ] = None,
) -> None:
    """Print a published journey as a draft, to be edited and published on its own.

    Keys set by hand are left out, as a key belongs to one journey.

    Example: journeystream clone welcome > journeys/welcome-copy.yaml
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        text = draft(journey, new_id or f"{journey}-copy", ask(published(project, bootstrap)))
    output.say(text.rstrip())


def draft(journey: str, new_id: str, current: Published) -> str:
    """Return the draft as YAML; CommandRefused when there is no such journey."""
    head = current.head(journey)
    if head is None:
        known = ", ".join(sorted(current.heads)) or "none"
        raise CommandRefused(f"no journey {journey!r} is published; published are: {known}")
    document = {**without_keys(written(head.definition)), "id": new_id}
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # as it was written
    text = StringIO()
    yaml.dump(document, text)
    return text.getvalue()
