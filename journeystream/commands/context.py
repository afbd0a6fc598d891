"""Which project a command works on, and who gives it."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import typer

from journeystream.audit import Request
from journeystream.project import DEFAULT_FILE, Project, load_project


@dataclass(frozen=True, slots=True)
class Chosen:
    """The project file that was named, by `--project` or its variable; None if none was."""

    file: Path | None


def project_of(ctx: typer.Context) -> Project:
    """Read the project; ProjectFileError when there is none."""
    chosen: Chosen = ctx.obj
    return load_project(chosen.file)


def project_if_any(ctx: typer.Context) -> Project | None:
    """Read the project, if there is one; one that was named has to be there."""
    chosen: Chosen = ctx.obj
    if chosen.file is None and not Path(DEFAULT_FILE).exists():
        return None
    return load_project(chosen.file)


def asked(action: str, subjects: Iterable[str] = ()) -> Request:
    """Return what is asked for by whoever runs this command."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        user = "unknown"
    return Request(f"{user}@{socket.gethostname()}", "command", action, tuple(subjects))
