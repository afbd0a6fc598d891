"""`journeystream run`: a worker in this process."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from journeystream.api.routes import PREFIX
from journeystream.api.tokens import check_open
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import Chosen, project_of
from journeystream.embedded_broker import LOOPBACK
from journeystream.errors import UserError
from journeystream.project import DEFAULT_FILE
from journeystream.project_file import PROJECT_VARIABLE
from journeystream.topics import check_copartitioned, partitions_of, wanted_topics


def run(
    ctx: typer.Context,
    *,
    http_port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=65_535,
            help="Serve probes, metrics and the API at this port.",
        ),
    ] = None,
    http_host: Annotated[
        str, typer.Option(metavar="HOST", help="The address that the port is opened at.")
    ] = LOOPBACK,
) -> None:
    """Run a worker until Ctrl-C.

    Start as many as there is work for, on as many machines as you like: they share the
    partitions, and take over from each other.

    Example: journeystream run --http-port 9100
    """
    # Until the worker runs there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Faust takes half a second to import, which the other commands need not wait for.
    from journeystream.worker import run_worker  # noqa: PLC0415

    project = project_of(ctx)
    check_open(project.api, http_host)
    listening = None if http_port is None else _listen(http_host, http_port)
    chosen: Chosen = ctx.obj
    # For the commands that the API runs beside the worker.
    os.environ[PROJECT_VARIABLE] = str((chosen.file or Path(DEFAULT_FILE)).absolute())
    with broker(project) as bootstrap:
        wanted = wanted_topics(project)
        counts = ask(partitions_of([topic.name for topic in wanted], bootstrap))
        check_copartitioned(wanted, counts)
        code = run_worker(project, bootstrap, listening)
    raise typer.Exit(code)


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is begun, or say that it is taken."""
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise UserError(f"--http-port {port}: {error.strerror}; choose another port") from None
    output.remark(f"http://{host}:{port}: /ready, /live, /metrics; the API: {PREFIX}/")
    return listening
