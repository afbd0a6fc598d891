"""`journeystream produce`: events from a file into a source topic.

Law: what was read before an error is sent, and told (feeding.py). Events of a user keep the order
of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journeystream.agents.decode import clock_mark
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.commands.feeding import Feed
from journeystream.commands.json_lines import JsonLines
from journeystream.durations import iso, parse_instant
from journeystream.errors import UserError
from journeystream.project import Project

_File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        allow_dash=True,
        help="One JSON event a line; .gz is unpacked, - is stdin.",
    ),
]
_Topic = Annotated[
    str | None,
    typer.Option("--topic", metavar="TOPIC", help="A source topic; default: the project's first."),
]
_ClockMark = Annotated[
    str | None,
    typer.Option(
        "--clock-mark",
        metavar="TIME",
        help="In a replay project: after the events, move all clocks to this time "
        "(as in 2024-03-01T10:00), so that what is due by then happens.",
    ),
]
_Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="N", min=0.001, help="At most so many events a second."),
]


def produce(
    ctx: typer.Context,
    file: _File,
    *,
    topic: _Topic = None,
    until: _ClockMark = None,
    rate: _Rate = None,
) -> None:
    """Feed a file of events into a source topic, keyed by user.

    At a line that is no JSON object it stops, and says how many events before it were sent.

    Example: journeystream produce events.jsonl.gz
    """
    project = project_of(ctx)
    source = _source(project, topic)
    mark = None if until is None else _mark(project, until)
    with JsonLines(file) as lines, broker(project) as bootstrap:
        feed = Feed(bootstrap, source, "event", lines)
        try:
            ask(_send(feed, lines, rate, mark))
        finally:
            # After an error and Ctrl-C too: what was sent is there.
            _tell(feed)
    if mark is not None:
        output.say(f"moved the clock of each of {feed.partitions} partitions to {iso(mark)}")


async def _send(feed: Feed, lines: JsonLines, rate: float | None, mark: int | None) -> None:
    """Send all events, then the clock marks."""
    async with feed:
        await feed.send_all(lines.events(), rate)
        if mark is not None:
            for partition in range(feed.partitions):
                value = clock_mark(mark)
                await feed.producer.send_and_wait(feed.topic, value, partition=partition)


def _tell(feed: Feed) -> None:
    """Say how much was sent, if it came to that."""
    if feed.has_begun:
        output.say(
            f"sent {output.count_of(feed.sent, 'event')} to topic {feed.topic!r} "
            f"in {feed.seconds:.1f} s ({feed.sent / feed.seconds:,.0f}/s)"
        )


def _source(project: Project, topic: str | None) -> str:
    sources = [source.topic for source in project.sources]
    if topic is not None and topic not in sources:
        raise UserError(f"{topic!r} is no source topic; choose one of: {', '.join(sources)}")
    return topic or sources[0]


def _mark(project: Project, text: str) -> int:
    if project.time != "replay":
        raise UserError(
            "--clock-mark: clocks follow the wall clock here; for a replay set `time: replay` "
            "in the project file"
        )
    try:
        return parse_instant(text)
    except ValueError:
        raise UserError(
            f"--clock-mark: {text!r} is no time; write one as in 2024-03-01T10:00:00Z"
        ) from None
