"""The command line as a whole: which commands there are, and what an error becomes.

Law: whoever runs a command sees what to do, never a traceback, unless the fault is in
journeystream itself. Exit codes: 0 done; 1 Kafka or this machine failed (an operator acts);
2 the command, a file or a journey's state has to change (whoever ran it acts); 130 Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from typer.core import TyperGroup

from journeystream.broker_refusals import said_of
from journeystream.commands import output
from journeystream.commands.by_hand import move, take_out
from journeystream.commands.change_state import (
    archive,
    pause,
    resume,
    retry,
    stop,
    unarchive,
)
from journeystream.commands.clone import clone
from journeystream.commands.context import Chosen
from journeystream.commands.dead_letters import dead_letters
from journeystream.commands.demo import demo
from journeystream.commands.enroll import enroll
from journeystream.commands.erase import erase
from journeystream.commands.explain import explain, user
from journeystream.commands.export import export
from journeystream.commands.history import history
from journeystream.commands.ingest import ingest
from journeystream.commands.init import init
from journeystream.commands.list_journeys import list_journeys
from journeystream.commands.lists import lists
from journeystream.commands.measure import measure
from journeystream.commands.preview import preview
from journeystream.commands.produce import produce
from journeystream.commands.publish import publish
from journeystream.commands.run import run
from journeystream.commands.schemas import schemas
from journeystream.commands.simulate import simulate
from journeystream.commands.tail import tail
from journeystream.commands.templates import templates
from journeystream.commands.topics import topics
from journeystream.commands.validate import validate
from journeystream.errors import OperatorError, UserError
from journeystream.project_file import PROJECT_VARIABLE

_OPERATOR, _USER, _INTERRUPTED = 1, 2, 130
_START, _JOURNEYS, _USERS = "Start", "Journeys", "Users"
_EVENTS, _FIGURES, _WORKERS = "Events", "Figures", "Workers"

# Name, function, group; in the order of the help.
_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("init", init, _START),
    ("topics", topics, _START),
    ("demo", demo, _START),
    ("templates", templates, _JOURNEYS),
    ("validate", validate, _JOURNEYS),
    ("preview", preview, _JOURNEYS),
    ("simulate", simulate, _JOURNEYS),
    ("publish", publish, _JOURNEYS),
    ("list", list_journeys, _JOURNEYS),
    ("pause", pause, _JOURNEYS),
    ("resume", resume, _JOURNEYS),
    ("stop", stop, _JOURNEYS),
    ("retry", retry, _JOURNEYS),
    ("archive", archive, _JOURNEYS),
    ("unarchive", unarchive, _JOURNEYS),
    ("clone", clone, _JOURNEYS),
    ("schemas", schemas, _JOURNEYS),
    ("explain", explain, _USERS),
    ("user", user, _USERS),
    ("history", history, _USERS),
    ("enroll", enroll, _USERS),
    ("exit", take_out, _USERS),
    ("move", move, _USERS),
    ("erase", erase, _USERS),
    ("produce", produce, _EVENTS),
    ("tail", tail, _EVENTS),
    ("measure", measure, _FIGURES),
    ("export", export, _FIGURES),
    ("run", run, _WORKERS),
    ("ingest", ingest, _WORKERS),
)
# A blank line between them keeps each on a line of its own.
_EXAMPLES = "\n\n".join(  # noqa: FLY002 -- a list of lines reads as one
    (
        "Start: journeystream init shop && cd shop && journeystream topics",
        "Journeys: journeystream publish journeys/welcome.yaml",
        "Users: journeystream enroll welcome u1",
        "Events: journeystream produce events.jsonl",
        "Figures: journeystream measure welcome",
        "Workers: journeystream run",
        "journeystream COMMAND --help says more, with an example.",
    )
)


class _Commands(TyperGroup):
    """The commands, with our errors turned into lines and exit codes."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- typer's own click, private to it
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            output.complain(str(error))
            code = _USER
        except OperatorError as error:
            output.complain(str(error))
            code = _OPERATOR
        except KafkaError as error:
            output.complain(said_of(error))
            code = _OPERATOR
        except KeyboardInterrupt:
            code = _INTERRUPTED
        raise typer.Exit(code)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    # A fault of ours is told as Python tells it: it is for a bug report, not for users.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog=_EXAMPLES,
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if not asked:
        return
    try:
        number = version("journeystream")
    except PackageNotFoundError:
        number = "(run from its sources, not installed)"
    output.say(f"journeystream {number}")
    raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    *,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            "-p",
            metavar="FILE",
            envvar=PROJECT_VARIABLE,
            help="The project file; default: journeystream.yaml here.",
        ),
    ] = None,
    show_version: Annotated[  # noqa: ARG001 -- its callback does it all
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version, and end."
        ),
    ] = False,
) -> None:
    """Turn a stream of user events on Kafka into customer journeys."""
    ctx.obj = Chosen(project)


for _name, _function, _group in _COMMANDS:
    app.command(_name, rich_help_panel=_group)(_function)
app.add_typer(lists, name="lists", rich_help_panel=_USERS)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=_EVENTS)


def main() -> None:
    """Run the command that the arguments name."""
    app(prog_name="journeystream")
