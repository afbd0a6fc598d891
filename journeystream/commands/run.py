"""`journeystream run`: a worker in this process."""

from __future__ import annotations

from typing import Annotated

import typer
from prometheus_client import start_http_server

from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.embedded_broker import LOOPBACK
from journeystream.errors import UserError
from journeystream.topics import check_copartitioned, partitions_of, wanted_topics


def run(
    ctx: typer.Context,
    *,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=65_535,
            help=f"Serve Prometheus metrics on {LOOPBACK} at this port.",
        ),
    ] = None,
) -> None:
    """Run a worker until Ctrl-C.

    Start as many as there is work for, on as many machines as you like: they share the
    partitions, and take over from each other.

    Example: journeystream run --metrics-port 9100
    """
    # Faust takes half a second to import, which the other commands need not wait for.
    from journeystream.worker import run_worker  # noqa: PLC0415

    project = project_of(ctx)
    if metrics_port is not None:
        try:
            start_http_server(metrics_port, addr=LOOPBACK)
        except OSError as error:
            raise UserError(
                f"--metrics-port {metrics_port}: {error.strerror}; choose another port"
            ) from None
        output.remark(f"metrics: http://{LOOPBACK}:{metrics_port}/metrics")
    with broker(project) as bootstrap:
        wanted = wanted_topics(project)
        counts = ask(partitions_of([topic.name for topic in wanted], bootstrap))
        check_copartitioned(wanted, counts)
        code = run_worker(project, bootstrap)
    raise typer.Exit(code)
