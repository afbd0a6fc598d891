"""`journeystream produce`: events from a file into a source topic.

Law: what was read before an error is sent, and how many events that were is told: they are
acknowledged by all replicas, each once. Events of a user keep the order of the file.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from journeystream.agents.decode import clock_mark
from journeystream.clock import Clock, WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.commands.json_lines import JsonLines
from journeystream.durations import iso, parse_instant
from journeystream.errors import OperatorError, UserError
from journeystream.project import LARGEST_MESSAGE, Project
from journeystream.topics import partitions_of

_LINGER_MS = 20
_BATCH_BYTES = 256 * 1024
_SHOW_EVERY = 500


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
        feed = _Feed(lines, source, rate)
        try:
            ask(feed.run(bootstrap, mark))
        finally:
            # After an error and Ctrl-C too: what was sent is there.
            feed.tell()
    if mark is not None:
        output.say(f"moved the clock of each of {feed.marked} partitions to {iso(mark)}")


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


@dataclass(slots=True)
class _Feed:
    """One file on its way into one topic."""

    lines: JsonLines
    topic: str
    rate: float | None
    handed_over: int = 0
    sent: int = 0
    marked: int = 0
    failure: BaseException | None = None
    clock: Clock = field(default_factory=WallClock)
    began: float | None = None

    async def run(self, bootstrap: str, mark: int | None) -> None:
        """Send all events, then the clock marks."""
        partitions = (await partitions_of([self.topic], bootstrap))[self.topic]
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            # What is too big for journeys is for the worker to refuse, in a dead letter.
            max_request_size=LARGEST_MESSAGE,
        )
        await producer.start()
        self.began = self.clock.elapsed()
        try:
            await self._send_events(producer)
            await producer.flush()
            self._raise_failure()
            if mark is not None:
                for partition in range(partitions):
                    await producer.send_and_wait(self.topic, clock_mark(mark), partition=partition)
                    self.marked += 1
        finally:
            # Sends what is still waiting, whatever ended the reading.
            await producer.stop()

    def tell(self) -> None:
        """Say how much was sent, if it came to that."""
        if self.began is not None:
            seconds = self._elapsed()
            output.say(
                f"sent {output.count_of(self.sent, 'event')} to topic {self.topic!r} "
                f"in {seconds:.1f} s ({self.sent / seconds:,.0f}/s)"
            )

    def _elapsed(self) -> float:
        # Never nothing, so that it can be divided by.
        return max(self.clock.elapsed() - (self.began or 0.0), 0.001)

    async def _send_events(self, producer: AIOKafkaProducer) -> None:
        with _progress() as progress:
            task = progress.add_task("", total=None, events=0, speed=0)
            async for key, line in self.lines.events():
                await self._send(producer, key, line)
                elapsed = self._elapsed()
                if self.rate is not None and (early := self.handed_over / self.rate - elapsed) > 0:
                    await asyncio.sleep(early)
                if self.rate is not None or self.handed_over % _SHOW_EVERY == 0:
                    self._raise_failure()
                    progress.update(
                        task,
                        completed=self.lines.bytes_read,
                        total=self.lines.total_bytes,
                        events=self.handed_over,
                        speed=self.handed_over / elapsed,
                    )

    async def _send(self, producer: AIOKafkaProducer, key: bytes | None, line: bytes) -> None:
        try:
            acknowledged = await producer.send(self.topic, line, key=key)
        except MessageSizeTooLargeError:
            raise UserError(
                f"{self.lines.place}: this is bigger than {LARGEST_MESSAGE:,} bytes; shorten it"
            ) from None
        acknowledged.add_done_callback(self._acknowledged)
        self.handed_over += 1

    def _acknowledged(self, future: asyncio.Future[object]) -> None:
        if future.cancelled():
            return
        if (error := future.exception()) is None:
            self.sent += 1
        else:
            self.failure = self.failure or error

    def _raise_failure(self) -> None:
        if self.failure is not None:
            said = " ".join(str(self.failure).split())
            raise OperatorError(f"topic {self.topic!r}: Kafka did not take an event ({said})")


def _progress() -> Progress:
    # On stderr, and only where somebody looks.
    console = Console(stderr=True)
    return Progress(
        DownloadColumn(),
        BarColumn(),
        TextColumn("{task.fields[events]:,} events, {task.fields[speed]:,.0f}/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
