"""`journeystream simulate`: a journey tried on events, in virtual time; nothing is sent.

Nothing is written either, and no worker notices: what is published is read, never changed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from journeystream.agents.cluster import KafkaCluster
from journeystream.broker_access import BrokerAccess
from journeystream.commands import output
from journeystream.commands.broker import ask, broker, published
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_if_any, project_of
from journeystream.commands.event_log import EventLog, Tell, Times, limits_of, log_of_topic
from journeystream.commands.json_lines import JsonLines
from journeystream.commands.simulation_tables import say_report
from journeystream.commands.staging import Scene, Staged
from journeystream.control_log import Published
from journeystream.differing import differ
from journeystream.durations import parse_instant
from journeystream.errors import UserError
from journeystream.project import Limits, ListDestination, Project, Source
from journeystream.simulated import Report
from journeystream.simulating import Entry, Simulation, Subject
from journeystream.steps.contract import ID_PATTERN
from journeystream.user import NEVER

_Batches = Callable[[Tell], AsyncGenerator[list[Entry], None]]
_Journey = Annotated[
    str,
    typer.Argument(
        metavar="JOURNEY|FILE", show_default=False, help="A published journey's id, or a file."
    ),
]
_Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]...",
        show_default=False,
        help="Audiences and computed traits that it asks for; journeys that run beside it.",
    ),
]
_Events = Annotated[
    Path | None,
    typer.Option(
        "--events",
        metavar="FILE",
        allow_dash=True,
        help="Events to play, one JSON object a line; .gz is unpacked, - is stdin.",
    ),
]
_Topic = Annotated[
    str | None,
    typer.Option("--topic", metavar="TOPIC", help="A source topic, played to its present end."),
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Only events from this time on (2024-03-01)."),
]
_To = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Only events before this time.")
]
_Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Let time pass to here after the last event."),
]
_Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="VERSION|FILE", help="Compare with another version of the journey."
    ),
]
_Others = Annotated[
    bool, typer.Option("--others", help="Let the other journeys that are live run beside it.")
]
_Users = Annotated[
    int, typer.Option("--users", metavar="N", min=0, max=1_000, help="Show so many users' ways.")
]
_User = Annotated[
    str | None, typer.Option("--user", metavar="ID", help="Show this user's way, and no other's.")
]


def simulate(  # noqa: PLR0913 -- each is an option of the command
    ctx: typer.Context,
    journey: _Journey,
    files: _Files = None,
    *,
    events: _Events = None,
    topic: _Topic = None,
    since: _From = None,
    before: _To = None,
    until: _Until = None,
    against: _Against = None,
    others: _Others = False,
    users: _Users = 5,
    user: _User = None,
    json: AsJson = False,
) -> None:
    """Try a journey on events, before it is live: who would enter, and what becomes of them.

    Time is virtual and nothing is sent. A FILE with --events needs no Kafka. With --against, the
    same events are played to another version too: its counts stand beside, and who would fare
    differently is told.

    Example: journeystream simulate journeys/welcome.yaml --events events.jsonl.gz
    """
    if (events is None) == (topic is None):
        raise UserError("name the events to play: either --events FILE or --topic TOPIC")
    online = topic is not None or others or _is_id(journey) or (against or "").isdecimal()
    project = project_of(ctx) if online else project_if_any(ctx)
    times, end = _times(since, before), _instant("--until", until, NEVER)
    with ExitStack() as stack:
        bootstrap, current = _published(stack, project if online else None)
        versions = _versions(Scene(project, current, files or (), others), journey, against)
        log, batches = (
            _of_topic(project_of(ctx), topic, bootstrap, times)
            if topic is not None
            else _of_file(project, stack.enter_context(JsonLines(events or Path())), times)
        )
        subject = partial(Subject, lists=_lists(project), users=users, user=user)
        simulations = [
            Simulation(subject(each.journey, each.label), each.rules, log.home) for each in versions
        ]
        ask(_play(batches, simulations))
    if user is not None and not any(user in each.ways for each in simulations):
        output.remark(f"user {user!r} does not enter")
    report = _report(log, simulations, end)
    if json:
        output.say_json(report.model_dump(mode="json", by_alias=True))
    else:
        say_report(report)


def _published(stack: ExitStack, project: Project | None) -> tuple[BrokerAccess, Published]:
    """Return where Kafka is and what is published there; nothing where it is not asked."""
    if project is None:
        return BrokerAccess(""), Published()
    bootstrap = stack.enter_context(broker(project))
    return bootstrap, ask(published(project, bootstrap))


def _of_file(project: Project | None, lines: JsonLines, times: Times) -> tuple[EventLog, _Batches]:
    limits = Limits() if project is None else project.limits
    log = EventLog(limits_of(limits, replay=True), times)
    return log, partial(log.of_file, lines)


def _of_topic(
    project: Project, topic: str, bootstrap: BrokerAccess, times: Times
) -> tuple[EventLog, _Batches]:
    source = _source(project, topic)
    log, partitions = ask(log_of_topic(project, source, bootstrap, times))
    return log, partial(log.of_topic, source, partitions, KafkaCluster(bootstrap))


async def _play(batches: _Batches, simulations: Sequence[Simulation]) -> None:
    with _progress() as tell:
        async with aclosing(batches(tell)) as played:
            async for batch in played:
                for simulation in simulations:
                    simulation.take(batch)


def _report(log: EventLog, simulations: Sequence[Simulation], until: int) -> Report:
    """Let time pass, and return what there is to say."""
    results = [each.end(max(until, log.reached)) for each in simulations]
    report = Report(read=log.read, simulated=results[0])
    if len(simulations) == 1:
        return report
    compared = {"against": results[1], "difference": differ(*simulations)}
    return report.model_copy(update=compared)


@contextmanager
def _progress() -> Iterator[Tell]:
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with output.progress(TextColumn("played"), *columns) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _is_id(text: str) -> bool:
    """Tell a journey's id from a file: no file that is there has such a name."""
    return re.fullmatch(ID_PATTERN, text) is not None and not Path(text).is_file()


def _lists(project: Project | None) -> frozenset[str]:
    """Return the destinations that are lists."""
    found = project.destinations if project else ()
    return frozenset(each.name for each in found if isinstance(each, ListDestination))


def _versions(scene: Scene, journey: str, against: str | None) -> list[Staged]:
    """Return the version that is simulated, and the one that it is compared with, if any."""
    this = scene.of_version(journey) if _is_id(journey) else scene.of_file(Path(journey))
    if against is None:
        return [this]
    if against.isdecimal():
        return [this, scene.of_version(this.journey, int(against))]
    other = scene.of_file(Path(against))
    if other.journey != this.journey:
        raise UserError(
            f"--against: {against} defines journey {other.journey!r}, not {this.journey!r}; "
            f"two versions of one journey have its id"
        )
    return [this, other]


def _source(project: Project, topic: str) -> Source:
    for source in project.sources:
        if source.topic == topic:
            others = [each.topic for each in project.sources if each.topic != topic]
            if others:
                output.remark(f"events of other sources are not played: {', '.join(others)}")
            return source
    known = ", ".join(source.topic for source in project.sources)
    raise UserError(f"{topic!r} is no source topic; choose one of: {known}")


def _times(since: str | None, before: str | None) -> Times:
    every = Times()
    return Times(_instant("--from", since, every.since), _instant("--to", before, every.before))


def _instant(option: str, text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    try:
        return parse_instant(text)
    except ValueError:
        raise UserError(
            f"{option}: {text!r} is no time; write one as in 2024-03-01T10:00:00Z"
        ) from None
