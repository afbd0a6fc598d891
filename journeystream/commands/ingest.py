"""`journeystream ingest`: events by HTTP into a source topic, by a process of its own.

Law: what was answered with 200 is in Kafka. When it is asked to end, it takes no more connections,
answers what it has, and ends within limits.stop_within.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import ExitStack, suppress
from typing import Annotated

import typer
from aiohttp import web

from journeystream.agents.health import Health
from journeystream.api.site import Site
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.commands import output
from journeystream.commands.broker import ask, broker
from journeystream.commands.context import project_of
from journeystream.embedded_broker import LOOPBACK
from journeystream.errors import UserError
from journeystream.ingest import Ingest, SourceTopic, refuse_strangers
from journeystream.probes import Probes
from journeystream.project import Project
from journeystream.topics import partitions_of
from journeystream.worker_log import log_to_stderr

_HIGHEST = 65_535


def ingest(
    ctx: typer.Context,
    *,
    port: Annotated[
        int, typer.Option(metavar="N", min=1, max=_HIGHEST, help="The port for events.")
    ] = 8080,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address that the ports are opened at.")
    ] = LOOPBACK,
    http_port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=_HIGHEST, help="Serve /ready, /live and /metrics at this port."
        ),
    ] = None,
) -> None:
    """Take events by HTTP, as the SDKs of Segment and RudderStack send them, until Ctrl-C.

    They are in the source topic when they are acknowledged. Start as many as you like.

    Example: journeystream ingest --host 0.0.0.0 --port 8080
    """
    # Until it listens there is nothing to finish; an exception in the middle of a question to Kafka
    # would leave its client neither open nor closed.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    project = project_of(ctx)
    refuse_strangers(project.ingest, host)
    with ExitStack() as held:
        events = held.enter_context(_listen("--port", host, port))
        probes = None
        if http_port is not None:
            probes = held.enter_context(_listen("--http-port", host, http_port))
        bootstrap = held.enter_context(broker(project))
        ask(partitions_of([project.ingest_topic], bootstrap))
        log_to_stderr()
        output.remark(f"events: http://{host}:{port}/v1/batch, into {project.ingest_topic}")
        asyncio.run(_serve(project, bootstrap, events, probes))


async def _serve(
    project: Project, bootstrap: BrokerAccess, events: socket.socket, probes: socket.socket | None
) -> None:
    """Answer until a signal, then finish what is there."""
    ending, loop = asyncio.Event(), asyncio.get_running_loop()

    def end(*_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: it ends already
            loop.call_soon_threadsafe(ending.set)

    # Python's own handlers outlive the loop: a second signal must not end the process half-way.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    taking = Ingest(project, SourceTopic(project.ingest_topic, bootstrap), WallClock())
    site = web.Application()
    taking.add_to(site)
    # Bodies are unpacked by us, within their limit.
    runner = web.AppRunner(
        site,
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=project.limits.stop_seconds / 2,
    )
    watched = None if probes is None else Site(probes, [Probes(lambda: _health(taking)).add_to])
    await taking.start()
    try:
        await runner.setup()
        await web.SockSite(runner, events).start()
        if watched is not None:
            await watched.start()
        await ending.wait()
    finally:
        await runner.cleanup()
        await taking.stop()
        if watched is not None:
            await watched.stop()


def _health(taking: Ingest) -> Health:
    reasons = ("Kafka does not acknowledge events",) if taking.late else ()
    return Health(alive=True, ready=not reasons, reasons=reasons, partitions={}, standbys=())


def _listen(option: str, host: str, port: int) -> socket.socket:
    """Take a port before anything is begun, or say that it is taken."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        text = f"{option} {port}: {host} can not be listened at ({error.strerror})"
        raise UserError(f"{text}; choose another port or --host") from None
