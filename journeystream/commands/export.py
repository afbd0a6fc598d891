"""`journeystream export`: what the travel log tells, as files; each record once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from journeystream.agents.travel_log import TravelLog, travel_log
from journeystream.broker_access import BrokerAccess
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.errors import OperatorError, UserError
from journeystream.exports.formats import Format, require
from journeystream.exports.parts import Export, Part, exporting
from journeystream.project import Project
from journeystream.travel_rows import KINDS, Kind, Row


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

    async def export_all(bootstrap: BrokerAccess, exporter: _Exporter) -> None:
        async with travel_log(topic, bootstrap) as log:
            await exporter.export(log)
            remark_strangers(log)

    with broker(project) as bootstrap, exporting(to, topic, format_) as directory:
        exporter = _Exporter(directory, part_rows)
        try:
            ask(export_all(bootstrap, exporter))
        finally:
            # After an error and Ctrl-C too: what was exported stays so.
            exporter.say(json=json)


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


class _Exporter:
    """Writes parts to a directory, and counts what they hold."""

    def __init__(self, directory: Export, part_rows: int) -> None:
        self._directory = directory
        self._part_rows = part_rows
        self._rows: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self._parts = 0

    async def export(self, log: TravelLog) -> None:
        """Export what is there and was not exported."""
        starts = {partition: _start(log, partition, self._directory) for partition in log.begins}
        columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
        with output.progress(TextColumn("exported"), *columns) as progress:
            task = progress.add_task("", total=sum(log.ends.values()) - sum(starts.values()))
            for partition, start in starts.items():
                part = Part(partition, start, start)
                await self._partition(log, part, lambda done: progress.advance(task, done))

    def say(self, *, json: bool) -> None:
        """Tell what was exported so far."""
        if json:
            counts = {f"{kind}s": rows for kind, rows in self._rows.items()}
            output.say_json(counts | {"parts": self._parts})
            return
        told = ", ".join(output.count_of(rows, kind) for kind, rows in self._rows.items())
        parts = output.count_of(self._parts, "part")
        output.say(f"exported {told} to {self._directory.directory} in {parts}")

    async def _partition(self, log: TravelLog, part: Part, tell: Callable[[int], object]) -> None:
        """Export a partition from where `part` begins, in parts of about as many rows."""
        rows: defaultdict[Kind, list[Row]] = defaultdict(list)
        async with aclosing(log.read(part.partition, part.first, self._part_rows)) as stretches:
            async for stretch in stretches:
                for kind, row in stretch.rows:
                    rows[kind].append(row)
                tell(stretch.until - part.until)
                part = Part(part.partition, part.first, stretch.until)
                if sum(map(len, rows.values())) >= self._part_rows:
                    self._write(part, rows)
                    rows.clear()
                    part = Part(part.partition, part.until, part.until)
        if rows:
            self._write(part, rows)

    def _write(self, part: Part, rows: Mapping[Kind, Sequence[Row]]) -> None:
        self._directory.write(part, rows)
        self._parts += 1
        for kind, some in rows.items():
            self._rows[kind] += len(some)


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
