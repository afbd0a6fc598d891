"""`journeystream run`: a worker in this process."""

from __future__ import annotations

import logging
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from aiokafka import TopicPartition

from journeystream.agents.cluster import KafkaCluster
from journeystream.api.routes import PREFIX
from journeystream.api.tokens import check_open
from journeystream.broker_access import BrokerAccess
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import Chosen, project_of
from journeystream.embedded_broker import LOOPBACK
from journeystream.errors import UserError
from journeystream.project import DEFAULT_FILE, Project
from journeystream.project_file import PROJECT_VARIABLE
from journeystream.topics import check_copartitioned, partitions_of, wanted_topics
from journeystream.worker_log import LogForm, log_to_stderr, secrets_of, worker_name

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_log = logging.getLogger(__name__)
_HttpPort = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=65_535, help="Serve probes, metrics and the API at this port."
    ),
]
_HttpHost = Annotated[
    str, typer.Option(metavar="HOST", help="The address that the port is opened at.")
]
_Log = Annotated[
    LogForm, typer.Option("--log", help="Write the log for people, or an object a line.")
]
_Trace = Annotated[
    bool,
    typer.Option(
        "--trace",
        help="Send OpenTelemetry spans of records with a sampled traceparent header; where to is "
        "in OTEL_EXPORTER_OTLP_ENDPOINT.",
    ),
]


def run(
    ctx: typer.Context,
    *,
    http_port: _HttpPort = None,
    http_host: _HttpHost = LOOPBACK,
    log: _Log = LogForm.TEXT,
    trace: _Trace = False,
) -> None:
    """Run a worker until Ctrl-C.

    Start as many as there is work for, on as many machines as you like: they share the
    partitions, and take over from each other.

    Example: journeystream run --http-port 9100
    """
    # Until the worker runs there is nothing to finish; and an exception in the middle of a question
    # to Kafka would leave its client neither open nor closed.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # Faust takes half a second to import, which the other commands need not wait for.
    from journeystream.worker import run_worker  # noqa: PLC0415

    project = project_of(ctx)
    worker = worker_name(project.kafka.instance)
    log_to_stderr(log, worker, secrets_of(project))
    if log is LogForm.JSON:
        output.to_log(_log)
    tracer = _tracer(worker) if trace else None
    check_open(project.api, http_host)
    listening = None if http_port is None else _listen(http_host, http_port)
    chosen: Chosen = ctx.obj
    with broker(project) as bootstrap:
        wanted = wanted_topics(project)
        counts = ask(partitions_of([topic.name for topic in wanted], bootstrap))
        check_copartitioned(wanted, counts)
        ask(_ask_as_the_group(project, bootstrap))
        # This process is the worker's from here on: for the commands that its API runs beside it.
        os.environ[PROJECT_VARIABLE] = str((chosen.file or Path(DEFAULT_FILE)).absolute())
        code = run_worker(project, bootstrap, listening, tracer)
    raise typer.Exit(code)


def _tracer(worker: str) -> Tracer:
    """Return what makes spans, or say what is missing for that."""
    try:
        from journeystream.agents.tracing import to_collector  # noqa: PLC0415  an optional part
    except ImportError as error:
        raise UserError(
            f"--trace: OpenTelemetry is not installed ({error.name}); "
            f"run: pip install 'journeystream[tracing]'"
        ) from None
    return to_collector(worker)


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
    output.remark(f"http://{host}:{port}: /ready, /live, /metrics; the API: {PREFIX}/")
    return listening
