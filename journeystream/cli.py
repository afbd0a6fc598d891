"""The command line as a whole: which commands there are, and what an error becomes.

Law: whoever runs a command sees what to do, never a traceback, unless the fault is in
journeystream itself. Exit codes: 0 done; 1 Kafka or this machine failed (an operator acts);
2 the command, a file or a journey's state has to change (whoever ran it acts); 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from typer.core import TyperGroup

from journeystream.commands import output
from journeystream.commands.context import Chosen
from journeystream.errors import OperatorError, UserError
from journeystream.project_file import PROJECT_VARIABLE

_OPERATOR, _USER, _INTERRUPTED = 1, 2, 130
_WITH_A_VALUE = ("-p", "--project")
_START, _JOURNEYS, _USERS = "Start", "Journeys", "Users"
_EVENTS, _FIGURES, _WORKERS = "Events", "Figures", "Workers"

# Name, where it is in `commands`, group; in the order of the help. A command is imported when it is
# asked for: all of them take as long again as most need to do their work.
_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("init", "init:init", _START),
    ("topics", "topics:topics", _START),
    ("demo", "demo:demo", _START),
    ("templates", "templates:templates", _JOURNEYS),
    ("validate", "validate:validate", _JOURNEYS),
    ("preview", "preview:preview", _JOURNEYS),
    ("simulate", "simulate:simulate", _JOURNEYS),
    ("publish", "publish:publish", _JOURNEYS),
    ("list", "list_journeys:list_journeys", _JOURNEYS),
    ("pause", "change_state:pause", _JOURNEYS),
    ("resume", "change_state:resume", _JOURNEYS),
    ("stop", "change_state:stop", _JOURNEYS),
    ("retry", "change_state:retry", _JOURNEYS),
    ("archive", "change_state:archive", _JOURNEYS),
    ("unarchive", "change_state:unarchive", _JOURNEYS),
    ("clone", "clone:clone", _JOURNEYS),
    ("schemas", "schemas:schemas", _JOURNEYS),
    ("explain", "explain:explain", _USERS),
    ("user", "explain:user", _USERS),
    ("history", "history:history", _USERS),
    ("enroll", "enroll:enroll", _USERS),
    ("exit", "by_hand:take_out", _USERS),
    ("move", "by_hand:move", _USERS),
    ("erase", "erase:erase", _USERS),
    ("lists", "lists:lists", _USERS),
    ("produce", "produce:produce", _EVENTS),
    ("tail", "tail:tail", _EVENTS),
    ("dead-letters", "dead_letters:dead_letters", _EVENTS),
    ("measure", "measure:measure", _FIGURES),
    ("export", "export:export", _FIGURES),
    ("run", "run:run", _WORKERS),
    ("ingest", "ingest:ingest", _WORKERS),
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
            from journeystream.broker_refusals import said_of  # noqa: PLC0415  seldom needed

            output.complain(said_of(error))
            code = _OPERATOR
        except KeyboardInterrupt:
            code = _INTERRUPTED
        raise typer.Exit(code)


def _show_version(asked: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if not asked:
        return
    try:
        number = version("journeystream")
    except PackageNotFoundError:
        number = "(run from its sources, not installed)"
    output.say(f"journeystream {number}")
    raise typer.Exit


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


def app_for(words: Sequence[str]) -> typer.Typer:
    """Return the command line as far as these words need it: the command that they name, or all."""
    app = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        # A fault of ours is told as Python tells it: it is for a bug report, not for users.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
        epilog=_EXAMPLES,
    )
    app.callback()(_options)
    named = [each for each in _COMMANDS if words and each[0] == _command_in(words)]
    for name, place, group in named or _COMMANDS:
        module, _, attribute = place.partition(":")
        command = getattr(import_module(f"journeystream.commands.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=group)
        else:
            app.command(name, rich_help_panel=group)(command)
    return app


def _command_in(words: Sequence[str]) -> str | None:
    """Return the word behind our own options; None where options are all there is."""
    rest = iter(words)
    for word in rest:
        if word in _WITH_A_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def main() -> None:
    """Run the command that the arguments name."""
    # A shell that completes asks about any of them.
    completes = "_JOURNEYSTREAM_COMPLETE" in os.environ
    app_for(() if completes else sys.argv[1:])(prog_name="journeystream")
