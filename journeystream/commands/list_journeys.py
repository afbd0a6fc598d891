"""`journeystream list`: the journeys that are published, and the state of each."""

from __future__ import annotations

from typing import Any

import typer

from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.control_log import Published
from journeystream.durations import iso


def list_journeys(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show the published journeys with their states and versions.

    Example: journeystream list
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        rows = _rows(ask(published(project, bootstrap)))
    if json:
        output.say_json(rows)
        return
    if not rows:
        output.remark("no journey is published; see journeystream publish --help")
    output.say_table(
        ("id", "name", "state", "version", "steps", "published at"),
        [[str(cell) for cell in row.values()] for row in rows],
    )


def _rows(current: Published) -> list[dict[str, Any]]:
    return [
        {
            "id": id_,
            "name": version.definition.name,
            "state": head.state.value,
            "version": head.version,
            "steps": len(version.definition.steps),
            "published_at": iso(version.published_at),
        }
        for id_, head in sorted(current.heads.items())
        if (version := current.head(id_)) is not None
    ]
