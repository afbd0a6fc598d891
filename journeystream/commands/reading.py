"""Showing how far the reading of users' state has come: it may be millions of records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from journeystream.agents.users_now import Tell
from journeystream.commands import output


@contextmanager
def reading() -> Iterator[Tell]:
    """Give whom to tell how many of how many records are read."""
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with output.progress(TextColumn("reading users"), *columns) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
