"""`journeystream pause`, `resume`, `stop`, `retry`, `archive`, `unarchive`: one operation.

It is for one journey or several, all of them or none. Whether a journey's state allows it is in
`lifecycle.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.completing import journey_ids
from journeystream.commands.context import asked, project_of
from journeystream.control_client import change
from journeystream.control_log import Published, Record
from journeystream.lifecycle import State, transition
from journeystream.publishing import command

_Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...", show_default=False, help="Ids of journeys.", autocompletion=journey_ids
    ),
]


def pause(
    ctx: typer.Context,
    journeys: _Ids,
    *,
    hold: Annotated[
        bool, typer.Option("--hold", help="Users in flight stay where they are until it resumes.")
    ] = False,
) -> None:
    """Let no one enter a journey; users in flight go on.

    With --hold they stay where they are; what comes due meanwhile happens when the journey resumes.

    Example: journeystream pause welcome
    """
    meaning = "users in flight stay where they are" if hold else "users in flight go on"
    _change(ctx, journeys, "pause", f"no one enters, {meaning}", hold=hold)


def resume(ctx: typer.Context, journeys: _Ids) -> None:
    """Let users enter a paused journey again.

    Example: journeystream resume welcome
    """
    _change(ctx, journeys, "resume", "users enter again")


def retry(ctx: typer.Context, journeys: _Ids) -> None:
    """Try a journey again with the users for whom it failed (a bug, since mended).

    Workers do so by themselves when they take a partition over, as after an upgrade.

    Example: journeystream retry welcome
    """
    _change(ctx, journeys, "retry", "whoever was stuck in it is tried again")


def archive(ctx: typer.Context, journeys: _Ids) -> None:
    """End a journey; everyone in it leaves, with Exited messages.

    Example: journeystream archive welcome
    """
    _change(ctx, journeys, "archive", "everyone in it leaves, with their Exited messages")


def stop(ctx: typer.Context, journeys: _Ids) -> None:
    """Let nothing move in a journey any more, for good; whoever is in it stays until archiving.

    Example: journeystream stop welcome
    """
    _change(ctx, journeys, "stop", "nothing moves in it any more")


def unarchive(ctx: typer.Context, journeys: _Ids) -> None:
    """Bring an archived journey back, paused and without users, as a new version.

    Example: journeystream unarchive welcome
    """
    _change(ctx, journeys, "unarchive", "nobody is in it; resume lets users enter")


def _change(
    ctx: typer.Context, journeys: list[str], name: str, meaning: str, *, hold: bool = False
) -> None:
    """Change all of them, or none: what one of them refuses is not done to the others."""
    project = project_of(ctx)
    ids = list(dict.fromkeys(journeys))
    now = WallClock().now()

    def decide(current: Published) -> tuple[Sequence[Record], list[str]]:
        states = [current.heads[id_].state if id_ in current.heads else State.DRAFT for id_ in ids]
        records = [
            record for id_ in ids for record in command(id_, name, current, hold=hold, now=now)
        ]
        return records, [f"{state} -> {transition('', state, name)}" for state in states]

    with broker(project) as bootstrap:
        changes = ask(change(project, bootstrap, asked(name, ids), decide, now))
    for id_, done in zip(ids, changes, strict=True):
        output.say(f"{id_}: {done}: {meaning}")
