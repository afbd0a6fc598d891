"""`journeystream pause`, `resume`, `retry` and `archive`: one operation under four names.

Whether a journey's state allows it is in `lifecycle.py`.
"""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.context import project_of
from journeystream.control_client import write
from journeystream.publishing import command

_Id = Annotated[str, typer.Argument(metavar="ID", show_default=False, help="A journey's id.")]


def pause(ctx: typer.Context, journey: _Id) -> None:
    """Let no one enter a journey; users in flight go on.

    Example: journeystream pause welcome
    """
    _change(ctx, journey, "pause", "no one enters, users in flight go on")


def resume(ctx: typer.Context, journey: _Id) -> None:
    """Let users enter a paused journey again.

    Example: journeystream resume welcome
    """
    _change(ctx, journey, "resume", "users enter again")


def retry(ctx: typer.Context, journey: _Id) -> None:
    """Try a journey again with the users for whom it failed (a bug, since mended).

    Workers do so by themselves when they take a partition over, as after an upgrade.

    Example: journeystream retry welcome
    """
    _change(ctx, journey, "retry", "whoever was stuck in it is tried again")


def archive(ctx: typer.Context, journey: _Id) -> None:
    """End a journey for good; everyone in it leaves, with Exited messages.

    Example: journeystream archive welcome
    """
    _change(ctx, journey, "archive", "everyone in it leaves, with their Exited messages")


def _change(ctx: typer.Context, journey: str, name: str, meaning: str) -> None:
    project = project_of(ctx)
    with broker(project) as bootstrap:
        current = ask(published(project, bootstrap))
        record = command(journey, name, current)
        ask(write(project.control_topic, bootstrap, [record]))
    before, after = current.heads[journey].state, orjson.loads(record[1])["state"]
    output.say(f"{journey}: {before} -> {after}: {meaning}")
