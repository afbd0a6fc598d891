"""`journeystream demo`: the main job on a shop's half year, with a broker of its own.

It does what a person would: writes a project, starts Kafka, creates topics, publishes the
journeys, runs a worker process, produces the events, and looks at what came out.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from journeystream.agents.census import Census, take_census
from journeystream.agents.decode import clock_mark
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands.broker import ask, broker, in_use
from journeystream.commands.context import asked
from journeystream.commands.watching import Watch
from journeystream.control_client import change, read_published
from journeystream.control_log import Published, Record
from journeystream.definitions import read_definitions
from journeystream.durations import parse_duration, parse_instant
from journeystream.errors import OperatorError, UserError
from journeystream.project import Project, load_project
from journeystream.publishing import publish, records_of
from journeystream.topics import create_missing, wanted_topics

_EVENTS = "shop_events.jsonl.gz"
_AFTERWARDS = parse_duration("1 hour")  # so that what is due right after the last event happens
_PATIENCE_SECONDS = 120.0


def demo(
    directory: Annotated[
        Path, typer.Argument(help="Where the demo's project goes; made anew each time.")
    ] = Path("journeystream-demo"),
) -> None:
    """Run five journeys over a shop's half year, on a broker of its own. Under a minute.

    Example: journeystream demo
    """
    console = Console()
    project = load_project(_write_project(directory))
    console.print(f"project      {directory}/ (journeystream.yaml, journeys/)")
    with broker(project) as bootstrap:
        console.print(f"broker       {bootstrap} (embedded; its data stays in the project)")
        ask(_prepare(project, bootstrap))
        with _worker(directory, bootstrap) as worker:
            console.print(f"worker       process {worker.pid}, log in {directory}/worker.log")
            watch = ask(_play(project, bootstrap, directory / _EVENTS, worker, console))
        census = ask(take_census(project.changelog_topic, bootstrap))
        published = ask(read_published(project.control_topic, bootstrap))
    _report(console, census, published, watch, project)
    _what_next(console, directory, project)


def _write_project(directory: Path) -> Path:
    """Write the demo's files; a directory that is not a demo's is left alone."""
    file = directory / "journeystream.yaml"
    if directory.exists() and any(directory.iterdir()):
        if not file.exists() or "app: shop-demo" not in file.read_text(encoding="utf-8"):
            raise UserError(
                f"{directory} holds something else; name another: journeystream demo DIR"
            )
        if in_use(directory / ".journeystream" / "broker"):
            raise UserError(f"a command is at work in {directory}; end it first")
        shutil.rmtree(directory)
    with resources.as_file(resources.files("journeystream") / "demo") as source:
        shutil.copytree(source, directory, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return file


async def _prepare(project: Project, bootstrap: BrokerAccess) -> None:
    await create_missing(bootstrap, wanted_topics(project))
    definitions = [
        definition
        for file in sorted((project.directory / "journeys").glob("*.yaml"))
        for definition in read_definitions(file)
    ]
    now = WallClock().now()

    def decide(current: Published) -> tuple[Sequence[Record], None]:
        return records_of(publish(definitions, current, project, now)), None

    ids = [definition.id for definition in definitions]
    await change(project, bootstrap, asked("publish", ids), decide, now)


@contextmanager
def _worker(directory: Path, bootstrap: BrokerAccess) -> Iterator[subprocess.Popen[bytes]]:
    with (directory / "worker.log").open("wb") as log:
        worker = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "journeystream", "-p", directory / "journeystream.yaml", "run"],
            env={
                **os.environ,
                "JOURNEYSTREAM_KAFKA__BOOTSTRAP": bootstrap.address,
                # The embedded broker never gives up a member that died, unless it comes back.
                "JOURNEYSTREAM_KAFKA__INSTANCE": "demo",
            },
            stdout=log,
            stderr=log,
        )
        try:
            yield worker
        finally:
            worker.terminate()
            worker.wait()


async def _play(
    project: Project,
    bootstrap: BrokerAccess,
    events: Path,
    worker: subprocess.Popen[bytes],
    console: Console,
) -> Watch:
    """Feed the events while watching the worker; return what came out."""
    feeding = asyncio.create_task(_feed(project, bootstrap, events))
    bars = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    applied = bars.add_task("applied", total=None)
    clock = WallClock()
    deadline = clock.elapsed() + _PATIENCE_SECONDS
    async with Watch(project, bootstrap) as watch:
        with Live(console=console, refresh_per_second=8) as live:
            ended = False
            while not ended:
                # In this order: what was applied when progress was asked for is counted after.
                fed = feeding.done()
                done, there = await watch.progress()
                more = await watch.count_outputs()
                ended = fed and done >= there and not more
                bars.update(applied, completed=done, total=there or None)
                live.update(Group(bars, _destinations(project, watch)))
                if worker.poll() is not None or clock.elapsed() > deadline:
                    raise OperatorError(
                        f"the worker did not finish; see {events.parent}/worker.log"
                    )
            live.update(bars)
        console.print()
        await feeding
        return watch


async def _feed(project: Project, bootstrap: BrokerAccess, events: Path) -> None:
    """Produce the shop's events in order, then tell every partition that time has passed."""
    topic = project.sources[0].topic
    producer = bootstrap.producer(linger_ms=20)
    await producer.start()
    try:
        last = ""
        with gzip.open(events, "rb") as lines:
            for line in lines:
                event = orjson.loads(line)
                last = event["timestamp"]
                await producer.send(topic, line.rstrip(), key=event["userId"].encode())
        await producer.flush()
        mark = clock_mark(_AFTERWARDS.after(parse_instant(last), project.zone))
        for partition in await producer.partitions_for(topic):
            await producer.send_and_wait(topic, mark, partition=partition)
    finally:
        await producer.stop()


def _report(
    console: Console, census: Census, published: Published, watch: Watch, project: Project
) -> None:
    for id_, count in sorted(census.journeys.items()):
        version = published.head(id_)
        steps = {step.id: step.title for step in version.definition.steps} if version else {}
        table = Table(title=version.definition.name if version else id_, title_justify="left")
        table.add_column("where users are")
        table.add_column("users", justify="right")
        table.add_row("entered (passes)", f"{count.entered:,}", style="bold")
        for step, users in count.steps.most_common():
            table.add_row(f"in {steps.get(step, step)}", f"{users:,}")
        for reason, users in count.exits.most_common():
            table.add_row(f"exited, {reason.replace('_', ' ')}", f"{users:,}", style="dim")
        console.print(table)
    console.print(_destinations(project, watch))
    console.print(f"{census.users:,} users are known; the counts are from the changelog topic.")


def _destinations(project: Project, watch: Watch) -> Table:
    table = Table(title="Destinations", title_justify="left")
    for name in ("destination", "kind", "topic", "Entered", "Exited", "members now"):
        table.add_column(name, justify="right" if name[0] in "EmX" else "left")
    for each in project.destinations:
        tally = watch.tallies[each.topic]
        members = f"{len(tally.members):,}" if each.type == "list" else ""
        table.add_row(
            each.name, each.type, each.topic, f"{tally.entered:,}", f"{tally.exited:,}", members
        )
    return table


def _what_next(console: Console, directory: Path, project: Project) -> None:
    me = "journeystream" if shutil.which("journeystream") else str(Path(sys.argv[0]).resolve())
    console.print(
        f"""
The topics {", ".join(each.topic for each in project.destinations)} are still there. Look at them:
  cd {directory}
  {me} tail email --limit 5       # what an email provider would get
  {me} tail ads --limit 5         # a list's adds and removes
  {me} list                       # the journeys
Then make it yours:
  {me} validate journeys/*.yaml   # after editing one
  {me} init my-project            # a project for your own Kafka
""",
        highlight=False,
        soft_wrap=True,
    )
