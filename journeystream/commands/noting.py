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

from journeystream.agents.notes import written
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask
from journeystream.commands.feeding import Feed
from journeystream.durations import iso, parse_instant
from journeystream.errors import UserError
from journeystream.events import Erased, Note
from journeystream.project import Project

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
    now = WallClock().now()
    if at is None:
        if project.time == "replay":
            raise UserError(
                "time: replay: clocks follow the events here; say when it happens, as in "
                "--at 2024-03-01T10:00"
            )
        return now
    try:
        instant = parse_instant(at)
    except ValueError:
        raise UserError(f"--at: {at!r} is no time; write one as in 2024-03-01T10:00:00Z") from None
    if not project.limits.oldest_event_instant <= instant <= now:
        raise UserError(
            f"--at: {iso(instant)} is in the future, or before limits.oldest_event; write a time "
            f"that was"
        )
    return instant


def topic_of(project: Project, *, erasing: bool = False) -> str:
    """Return where a note goes; UserError where it can not."""
    if project.kafka.guarantee == "exactly_once":
        return project.rekey_topic
    if erasing:
        return project.sources[0].topic
    raise UserError(
        "kafka.guarantee: with at_least_once the source alone says what happens, in one order; "
        "use exactly_once to name users by a command"
    )


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
