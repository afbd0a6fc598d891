"""`journeystream run`: a worker in this process."""

from __future__ import annotations

import signal
import socket
import sys
from typing import Annotated

import typer
from aiokafka import TopicPartition

from journeystream.agents.cluster import KafkaCluster
from journeystream.broker_access import BrokerAccess
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.embedded_broker import LOOPBACK
from journeystream.errors import UserError
from journeystream.project import Project
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
            help="Serve /ready, /live and /metrics at this port.",
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
    listening = None if http_port is None else _listen(http_host, http_port)
    with broker(project) as bootstrap:
        wanted = wanted_topics(project)
        counts = ask(partitions_of([topic.name for topic in wanted], bootstrap))
        check_copartitioned(wanted, counts)
        ask(_ask_as_the_group(project, bootstrap))
        code = run_worker(project, bootstrap, listening)
    raise typer.Exit(code)


async def _ask_as_the_group(project: Project, bootstrap: BrokerAccess) -> None:
    """Ask Kafka for what the group has committed, and let its refusal pass.

    Faust does not hear that this worker may not be in the group, and would wait for ever.
    """
    consumer = KafkaCluster(bootstrap).consumer(project.app)
    try:
        await consumer.start()
        await consumer.committed(TopicPartition(project.rekey_topic, 0))
    finally:
        await consumer.stop()


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is begun, or say that it is taken."""
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise UserError(f"--http-port {port}: {error.strerror}; choose another port") from None
    output.remark(f"probes: http://{host}:{port}/ready, /live and /metrics")
    return listening
