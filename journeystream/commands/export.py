"""`journeystream export`: what the travel log tells, as files; each record once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from journeystream.agents.travel_log import TravelLog, travel_log
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.errors import OperatorError, UserError
from journeystream.exports.formats import Format, require
from journeystream.exports.parts import Export, Part, exporting
from journeystream.project import Project
from journeystream.travel_rows import KINDS, Kind, Row

_Tell = Callable[[int], None]


def export(
    ctx: typer.Context,
    *,
    to: Annotated[
        Path,
        typer.Option(metavar="DIRECTORY", show_default=False, help="Where the parts are put."),
    ],
    format_: Annotated[Format, typer.Option("--format", help="How they are written.")] = (
        Format.JSONL
    ),
    part_rows: Annotated[
        int, typer.Option(metavar="N", min=1, help="Begin a new part after so many rows.")
    ] = 100_000,
    json: AsJson = False,
) -> None:
    """Write what the travel log tells to files, without what was exported there before.

    Stages, goals and paths go to files of their own; docs/measurement.md says what is in them.
    Stopped at any moment, an export goes on when it is started again: nothing is lost or repeated.

    Example: journeystream export --to travels --format parquet
    """
    project = project_of(ctx)
    topic = topic_of(project)
    require(format_)
    exported = _Exported()
    with broker(project) as bootstrap, exporting(to, topic, format_) as directory:
        try:
            ask(_export(topic, bootstrap, directory, exported, part_rows))
        finally:
            # After an error and Ctrl-C too: what was exported stays so.
            exported.say(to, json=json)


def topic_of(project: Project) -> str:
    """Return the travel log of a project; UserError if it keeps none."""
    if project.travel_log is None:
        raise UserError(
            "travel_log: the project keeps none; name a topic for it in journeystream.yaml, then "
            "journeystream topics, and start the workers anew"
        )
    return project.travel_log


def remark_strangers(log: TravelLog) -> None:
    """Say that the topic has records of somebody else."""
    if log.strangers:
        output.remark(
            f"passed over {output.count_of(len(log.strangers), 'record')} of {log.topic} that "
            f"journeystream has not written, the first at {log.strangers[0]}"
        )


@dataclass(slots=True)
class _Exported:
    """What was exported so far."""

    rows: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    parts: int = 0

    def say(self, to: Path, *, json: bool) -> None:
        if json:
            output.say_json(
                {f"{kind}s": rows for kind, rows in self.rows.items()} | {"parts": self.parts}
            )
            return
        told = ", ".join(output.count_of(rows, kind) for kind, rows in self.rows.items())
        output.say(f"exported {told} to {to} in {output.count_of(self.parts, 'part')}")


async def _export(
    topic: str, bootstrap: str, directory: Export, exported: _Exported, part_rows: int
) -> None:
    columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    async with travel_log(topic, bootstrap) as log:
        starts = {partition: _start(log, partition, directory) for partition in log.begins}
        with output.progress(TextColumn("exported"), *columns) as progress:
            task = progress.add_task("", total=sum(log.ends.values()) - sum(starts.values()))
            for partition, start in starts.items():
                await _partition(
                    log,
                    Part(partition, start, start),
                    directory,
                    exported,
                    part_rows,
                    lambda offsets: progress.advance(task, offsets),
                )
        remark_strangers(log)


def _start(log: TravelLog, partition: int, directory: Export) -> int:
    """Return where to go on, which has to be there."""
    until, begin, end = directory.until(partition), log.begins[partition], log.ends[partition]
    if until is None:
        return begin
    if until > end:
        raise OperatorError(
            f"{log.topic}/{partition} ends at {end}, but was exported up to {until}: it was "
            f"recreated; export to another directory"
        )
    if until < begin:
        output.remark(
            f"{log.topic}/{partition}: Kafka has deleted the offsets from {until} up to {begin} "
            f"before they were exported; export more often, or raise the topic's retention.ms"
        )
    return max(until, begin)


async def _partition(
    log: TravelLog,
    part: Part,
    directory: Export,
    exported: _Exported,
    part_rows: int,
    tell: _Tell,
) -> None:
    """Export a partition from where `part` begins, in parts of about as many rows."""
    rows: defaultdict[Kind, list[Row]] = defaultdict(list)

    def write() -> None:
        directory.write(part, rows)
        exported.parts += 1
        for kind, some in rows.items():
            exported.rows[kind] += len(some)
        rows.clear()

    async with aclosing(log.read(part.partition, part.first, part_rows)) as stretches:
        async for stretch in stretches:
            for kind, row in stretch.rows:
                rows[kind].append(row)
            tell(stretch.until - part.until)
            part = Part(part.partition, part.first, stretch.until)
            if sum(map(len, rows.values())) >= part_rows:
                write()
                part = Part(part.partition, part.until, part.until)
    if rows:
        write()
