"""The Kafka that a command talks to: the project's, or the embedded one for as long as needed.

The embedded broker has one directory and so one process. The first command that needs it
starts it and holds a lock; every other command waits for the address that the first one
writes, and uses it. The first stays until the others have ended, then stops the broker.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any, TypeVar

from journeystream.broker_access import BrokerAccess, access_of
from journeystream.commands import output
from journeystream.control_client import read_published
from journeystream.control_log import Published
from journeystream.embedded_broker import START_SECONDS, EmbeddedBroker
from journeystream.errors import BrokerUnreachable
from journeystream.project import Project
from journeystream.topics import partitions_of

_ADDRESS, _LOCK, _USERS = "address", "lock", "users"
_LOOK_AGAIN_SECONDS = 0.05
_Answer = TypeVar("_Answer")


def ask(question: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Run what talks to Kafka. Its client's log stays silent: we tell of errors ourselves."""
    log = logging.getLogger("aiokafka")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        return asyncio.run(question)
    finally:
        log.setLevel(before)


async def published(project: Project, bootstrap: BrokerAccess) -> Published:
    """Return what the control topic says now."""
    await partitions_of([project.control_topic], bootstrap)
    return await read_published(project.control_topic, bootstrap)


@contextmanager
def broker(project: Project) -> Iterator[BrokerAccess]:
    """Give access to the project's Kafka; an embedded broker runs at least as long."""
    if not project.embedded:
        yield access_of(project)
        return
    directory = project.embedded_directory
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _USERS).open("a") as users, (directory / _LOCK).open("a") as mine:
        _lock(users, shared=True)
        address = _address_of_running(directory, mine)
        if address is None:
            with _ending_in_order(), _started(directory, users) as address:
                yield BrokerAccess(address)
        else:
            output.remark(f"using the embedded broker at {address}, which another command runs")
            yield BrokerAccess(address)


def in_use(directory: Path) -> bool:
    """Tell whether a command runs the embedded broker of a directory."""
    if not (directory / _LOCK).exists():
        return False
    with (directory / _LOCK).open("a") as lock:
        return not _lock(lock, wait=False)


@contextmanager
def _started(directory: Path, users: IO[str]) -> Iterator[str]:
    address = directory / _ADDRESS
    # What a killed command left behind.
    address.unlink(missing_ok=True)
    with EmbeddedBroker(directory) as embedded:
        written = directory / f"{_ADDRESS}.new"
        written.write_text(embedded.bootstrap)
        written.replace(address)
        try:
            yield embedded.bootstrap
        finally:
            # Once more: a worker's event loop sets signals back when it ends.
            with _ending_in_order():
                try:
                    _wait_for_others(users)
                finally:
                    address.unlink(missing_ok=True)
                    embedded.stop()


def _wait_for_others(users: IO[str]) -> None:
    """Return when no other command uses the broker; Ctrl-C ends the wait."""
    if not _lock(users, wait=False):
        output.remark("other commands use the embedded broker: waiting for them (or for Ctrl-C)")
        _lock(users)


def _address_of_running(directory: Path, mine: IO[str]) -> str | None:
    """Return where the broker is that another command runs or is about to; None: it is ours."""
    deadline = time.monotonic() + START_SECONDS
    while not _lock(mine, wait=False):
        with suppress(FileNotFoundError):
            return (directory / _ADDRESS).read_text()
        if time.monotonic() > deadline:
            raise BrokerUnreachable(
                f"another command holds {mine.name}, but its embedded broker did not start; "
                "end that command, then try again"
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
    return None


def _lock(file: IO[str], *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file until it is closed; the system unlocks it however a process ends."""
    import fcntl  # noqa: PLC0415 -- Windows has none, nor the embedded broker

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """End as by an exception when told to terminate: the broker is a process of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
