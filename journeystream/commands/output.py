"""How commands speak: tables and colours for people, plain lines for pipes, JSON for programs.

Law: what is not a terminal gets no markup, no colours and no boxes; a table becomes lines with
tabs, so that `cut` and `awk` can read it. Errors and remarks go to stderr; of a command that logs
for programs (`to_log`) they are lines of its log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.progress import Progress, ProgressColumn
from rich.table import Table
from rich.text import Text

_logged: ContextVar[logging.Logger | None] = ContextVar("logged", default=None)


def to_log(log: logging.Logger) -> None:
    """Let errors and remarks go to a log from now on."""
    _logged.set(log)


def say(line: str) -> None:
    """Print what the command was asked for."""
    typer.echo(line)


def remark(line: str) -> None:
    """Print what is good to know, but was not asked for."""
    if (log := _logged.get()) is not None:
        log.info("%s", line)
        return
    typer.secho(line, err=True, dim=True)


def complain(lines: str) -> None:
    """Print why the command failed."""
    if (log := _logged.get()) is not None:
        log.error("%s", lines)
        return
    typer.secho(lines, err=True, fg=typer.colors.RED)


def say_json(value: object) -> None:
    """Print a result for programs, indented."""
    say(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, or lines with tabs where nobody looks."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            say("\t".join(row))
        return
    table = Table(*columns, box=box.SIMPLE)
    for row in rows:
        # As texts: brackets in names are no markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def progress(*columns: ProgressColumn) -> Progress:
    """Make a bar for what takes long: on stderr, only where somebody looks, and gone when done."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class Lines:
    """Prints records as they come: aligned and coloured on a terminal, else with tabs."""

    def __init__(self) -> None:
        self._console = Console() if sys.stdout.isatty() else None
        self._colour = JSONHighlighter()

    def say(self, cells: Sequence[str], value: str) -> None:
        """Print one record: its cells, then its value."""
        if self._console is None:
            say("\t".join((*cells, value)))
            return
        line = Text().append("  ".join(cells), style="cyan").append("  ")
        self._console.print(line.append_text(self._colour(value)), soft_wrap=True)


def compact(value: Any) -> str:  # noqa: ANN401 -- any JSON
    """Write JSON on one line."""
    return orjson.dumps(value).decode()


def count_of(number: int, noun: str) -> str:
    """Write `1 step`, `2 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
