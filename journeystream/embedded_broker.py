"""A Kafka-compatible broker in one child process, for trials: no Java, no Docker.

It runs the binary of the package noida-db. What it is good for, and what not:

- It holds all data in memory and rewrites one file with it, every few seconds and when it is
  stopped. Topics, records and committed offsets survive a restart; a SIGKILL of the broker loses
  the last seconds.
- It is for trials and a single worker, tens of thousands of events. It uses a whole core under
  load; a benchmark on it measures the broker.
- It keeps what tests/broker_contract.py says of a broker; tests/test_broker_contract.py names
  each law that it does not keep, with the reason.

Law: the broker ends with the process that started it, however that ends, and two brokers never
share a directory: the second does not start, and says which process holds it.
"""

from __future__ import annotations

import atexit
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

from journeystream.errors import BrokerUnreachable

LOOPBACK = "127.0.0.1"
LOG_NAME = "embedded-broker.log"
START_SECONDS = 20.0
STOP_SECONDS = 60.0
# How long a start waits for a broker that is about to leave the directory, because whoever ran
# it was killed a moment ago.
HANDOVER_SECONDS = 3.0
_HELD = "already running for"

# ApiVersions (key 18) version 0, correlation id 1, no client id: the one request that every
# Kafka answers before anything else is known about it.
_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)


# Ends a child (its pid is the argument) once the pipe to the parent closes, which the system
# does however the parent ended; an exit handler would not outlive a SIGKILL. Not prctl's
# PDEATHSIG: that is bound to the thread that started the child, and Linux only.
_KEEPER = """
import os, signal, sys
pid = int(sys.argv[1])
exact = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
sys.stdin.buffer.read()
try:
    if exact is None:
        os.kill(pid, signal.SIGTERM)
    else:
        signal.pidfd_send_signal(exact, signal.SIGTERM)
except ProcessLookupError:
    pass
"""


class ChildProcess:
    """A child that writes to a log file and ends, at the latest, when this process does."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        # Appended, because whoever has the same log may be running, and be the reason why this
        # child does not.
        with log.open("ab") as output:
            self._log_start = output.tell()
            # Its own process group, as the keeper's: a Ctrl-C in the terminal must reach the
            # worker first, which still has a transaction to end, and ends its broker after it.
            self._child = subprocess.Popen(  # noqa: S603 - no shell, and the command is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        self.pid = self._child.pid
        self._keeper = subprocess.Popen(  # noqa: S603 - the same
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(self.pid)],
            stdin=subprocess.PIPE,
            process_group=0,
        )
        atexit.register(self.end)

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._child.poll()

    def end(self, seconds: float = STOP_SECONDS) -> None:
        """End it by SIGTERM, and by SIGKILL if that took longer than `seconds`."""
        self._child.terminate()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._reap()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._child.kill()
        self._reap()

    def log_end(self) -> str:
        """Return the last lines that it wrote, indented."""
        lines = self._log.read_bytes()[self._log_start :].decode(errors="replace").splitlines()
        # The loader's warning about a weak symbol is on every start, good or bad.
        told = [line for line in lines if "weak version" not in line]
        return "\n".join(f"  {line}" for line in told[-10:])

    def _reap(self) -> None:
        atexit.unregister(self.end)
        self._child.wait()
        self._keeper.kill()
        self._keeper.communicate()


class EmbeddedBroker:
    """The broker of one data directory; it keeps its port from start to start."""

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port() if port is None else port
        self._child: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        """The address for a client's `bootstrap_servers`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log_path(self) -> Path:
        """The file that takes all the child prints."""
        return self.data_dir / LOG_NAME

    def start(self) -> None:
        """Start the child and return when it answers; does nothing if it runs already.

        Raises BrokerUnreachable if it ended or did not answer in time.
        """
        if self._child is not None:
            if self._child.exit_code() is None:
                return
            self.stop()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not port_is_free(self.port):
            # Else that other listener would answer in the place of the child.
            raise BrokerUnreachable(
                f"something listens on {self.bootstrap} already; end it, or choose another port "
                "for the embedded broker"
            )
        deadline = time.monotonic() + START_SECONDS
        handover = time.monotonic() + HANDOVER_SECONDS
        self._child = self._spawn()
        while not _wait_until_answers(self._child, self.port, deadline):
            code, told = self._child.exit_code(), self._child.log_end()
            self.stop()
            if code is not None and _HELD in told and time.monotonic() < handover:
                time.sleep(0.1)
                self._child = self._spawn()
                continue
            what = "did not answer in time" if code is None else f"ended with exit code {code}"
            raise BrokerUnreachable(
                f"the embedded broker on {self.bootstrap} {what}; mend what its log says, choose "
                f"another port or directory, or set kafka.bootstrap to a Kafka of yours. "
                f"{self.log_path} ends:\n{told}"
            )

    def stop(self) -> None:
        """End the child, which writes its data first; does nothing if none runs."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self) -> ChildProcess:
        binary = Path(str(files("noida_db"))) / "noida-db"
        options = ["--only", "kafka", "--kafka-port", str(self.port)]
        options += ["--data-dir", str(self.data_dir)]
        try:
            return ChildProcess([str(binary), "start", *options], self.log_path)
        except OSError as error:
            raise BrokerUnreachable(
                f"the embedded broker can not be run ({error}); reinstall the package noida-db, "
                "or set kafka.bootstrap to a Kafka of yours"
            ) from error


def free_port() -> int:
    """Return a loopback port that nothing listens on.

    It is below the range that systems take for outgoing connections. A port from that range can
    be lost while a broker restarts: a client that tries to reconnect may be given the very port
    as its own end, connects to itself, and so keeps it from the broker.
    """
    for _ in range(100):
        port = 20000 + secrets.randbelow(12000)
        if port_is_free(port):
            return port
    raise BrokerUnreachable(
        f"no free port from 20000 to 31999 on {LOOPBACK}; end what holds them, or name a port"
    )


def port_is_free(port: int) -> bool:
    """Say whether a broker could listen on the loopback port now."""
    with socket.socket() as probe:
        # As brokers do: connections of the last run that are still timing out do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _wait_until_answers(child: ChildProcess, port: int, deadline: float) -> bool:
    """Say whether the child answers before `deadline`; returns early when it has ended."""
    while time.monotonic() < deadline and child.exit_code() is None:
        if _answers_kafka(port):
            return True
        time.sleep(0.02)
    return False


def _answers_kafka(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            # Length of the answer, then our correlation id, then error code 0.
            head = connection.recv(10, socket.MSG_WAITALL)
            return head[4:] == struct.pack(">ih", 1, 0)
    except OSError:
        return False
