"""Sending notes: what a command says of users, on its way to their partitions (agents/notes.py).

Laws:

1. Notes go through the re-keying topic, keyed by their user. With at_least_once there is only one
   order, that of the source: that a user is erased is said there, and other notes are refused.
2. Whoever follows events knows no clock of its own: in a replay the command says when.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

import typer

from journeystream.agents.notes import said_instant, topic_of, written
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask
from journeystream.commands.feeding import Feed
from journeystream.events import Erased, Note
from journeystream.project import Project

__all__ = ["At", "instant_of", "send", "topic_of"]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="When it happens, as in 2024-03-01T10:00; default: now. A replay has to be told.",
    ),
]


def instant_of(project: Project, at: str | None) -> int:
    """Return when a note happens; UserError where that is no time, or none that can be."""
    return said_instant(project, at, WallClock().now(), "--at")


def send(feed: Feed, notes: AsyncIterator[Note | Erased], told: Callable[[str], str]) -> None:
    """Send notes, and say how many users that were: after an error and Ctrl-C too."""

    async def records() -> AsyncIterator[tuple[bytes, bytes]]:
        async for note in notes:
            yield note.user_id.encode(), written(note)

    async def run() -> None:
        async with feed:
            await feed.send_all(records())

    try:
        ask(run())
    finally:
        if feed.has_begun:
            output.say(told(output.count_of(feed.sent, "user")))
