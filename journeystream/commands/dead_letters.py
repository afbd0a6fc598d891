"""`journeystream dead-letters list` and `replay`: what could not be applied, and another try."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.checking import AsJson
from journeystream.commands.context import project_of
from journeystream.commands.letters import Kind, Survey
from journeystream.commands.replaying import DeadLetters
from journeystream.errors import UserError
from journeystream.project import Project

_LETTER = "dead letter"
_SHOWN = 100  # characters of an error's text in a table

dead_letters = typer.Typer(no_args_is_help=True)
_Codes = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="CODE", help="Only letters of this code; may be repeated."),
]
_Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="SOURCE", help="Only letters of this topic; may be repeated."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be replayed.")]


@dead_letters.callback()
def _about() -> None:
    """Look at the records that could not be applied, and give them another try.

    Example: journeystream dead-letters list
    """


@dead_letters.command("list")
def list_letters(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show the dead letters that were not replayed yet, by code and source topic.

    Times are those of the records. The example is the newest: partition/offset, and what is
    wrong with it.

    Example: journeystream dead-letters list
    """
    project = project_of(ctx)
    with broker(project) as bootstrap:
        survey = ask(_survey(DeadLetters(project, bootstrap)))
    if json:
        output.say_json(_as_json(survey.kinds.values()))
        return
    if not survey.kinds:
        output.remark(f"no dead letter waits in topic {project.dead_letter_topic!r}")
    _say_kinds(survey.kinds.values())
    _remark_obstacles(survey)


@dead_letters.command("replay")
def replay_letters(
    ctx: typer.Context,
    *,
    code: _Codes = None,
    topic: _Topics = None,
    dry_run: _DryRun = False,
    json: AsJson = False,
) -> None:
    """Produce the records of dead letters again, to where they came from, each exactly once.

    Do so when their cause is gone: a limit was raised, a fault was mended. What still is no
    event comes back as a new dead letter. What --code and --topic leave out stays for a later
    replay. Stopped at any moment, a replay goes on when it is started again.

    Example: journeystream dead-letters replay --code too_large
    """
    project = project_of(ctx)
    _check_topics(project, topic or [])
    with broker(project) as bootstrap:
        letters = DeadLetters(project, bootstrap, code or (), topic or ())
        count = _Count()
        if dry_run:
            survey = ask(_survey(letters))
        else:
            survey = _replay(letters, count, say=output.remark if json else output.say)
    if json:
        output.say_json(
            {
                "dry_run": dry_run,
                "replayed": count.replayed or 0,
                "left": survey.left,
                "letters": _as_json(survey.wanted.values()),
            }
        )
        return
    if dry_run:
        output.say(f"would replay {output.count_of(survey.asked_for, _LETTER)}")
    if survey.kinds and not survey.wanted:
        output.remark("none is asked for; what there is: journeystream dead-letters list")
    _say_kinds(survey.wanted.values())
    if survey.left:
        output.remark(f"{output.count_of(survey.left, _LETTER)} left for a later replay")
    _remark_obstacles(survey)


@dataclass(slots=True)
class _Count:
    """How many letters were replayed; None as long as it has not begun."""

    replayed: int | None = None


def _check_topics(project: Project, topics: list[str]) -> None:
    sources = project.topics_read
    for topic in topics:
        if topic not in sources:
            raise UserError(f"{topic!r} is no source topic; choose one of: {', '.join(sources)}")


async def _survey(letters: DeadLetters) -> Survey:
    async with letters:
        return await letters.survey()


def _replay(letters: DeadLetters, count: _Count, say: Callable[[str], None]) -> Survey:
    async def replay() -> Survey:
        async with letters:
            return await letters.replay(tell)

    try:
        with _progress(count) as tell:
            return ask(replay())
    finally:
        # After an error and Ctrl-C too: what was replayed stays so.
        if count.replayed is not None:
            say(f"replayed {output.count_of(count.replayed, _LETTER)}")


@contextmanager
def _progress(count: _Count) -> Iterator[Callable[[int, int], None]]:
    columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    with output.progress(TextColumn("replayed"), *columns) as progress:
        task = progress.add_task("", total=None)

        def tell(done: int, total: int) -> None:
            count.replayed = done
            progress.update(task, completed=done, total=total)

        yield tell


def _say_kinds(kinds: Iterable[Kind]) -> None:
    output.say_table(
        ("code", "letters", "topic", "first", "last", "example"),
        [
            (
                letter.code,
                str(kind.count),
                letter.topic,
                kind.first,
                kind.last,
                f"{letter.partition}/{letter.offset}: {_on_one_line(letter.text)}",
            )
            for kind in kinds
            for letter in (kind.example,)
        ],
    )


def _as_json(kinds: Iterable[Kind]) -> list[dict[str, Any]]:
    return [
        {
            "code": kind.example.code,
            "letters": kind.count,
            "topic": kind.example.topic,
            "first": kind.first,
            "last": kind.last,
            "example": {
                "partition": kind.example.partition,
                "offset": kind.example.offset,
                "text": kind.example.text,
            },
        }
        for kind in kinds
    ]


def _remark_obstacles(survey: Survey) -> None:
    for obstacle, number in survey.obstacles.items():
        output.remark(f"never replayed: {output.count_of(number, 'record')} {obstacle}")


def _on_one_line(text: str) -> str:
    return " ".join(text.split())[:_SHOWN]
