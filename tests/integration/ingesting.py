"""An ingest process, started as a person starts it, and apps that send to it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from journeystream.embedded_broker import free_port
from tests.integration.asking import asked
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import World

KEY = "a-key-of-the-tests"


class IngestProcess:
    """`journeystream ingest` for a world, with one write key and `settings` by variables."""

    def __init__(self, world: World, **settings: str) -> None:
        self.port, self.probes = free_port(), free_port()
        self._asked = False
        self._file = world.directory / f"ingest-{self.port}.log"
        told = {f"JOURNEYSTREAM_{name.upper()}": text for name, text in settings.items()}
        ports = ["--port", str(self.port), "--http-port", str(self.probes)]
        with self._file.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "journeystream", "-p", str(world.file), "ingest", *ports],
                env={**os.environ, "JOURNEYSTREAM_INGEST__WRITE_KEYS": json.dumps([KEY]), **told},
                stdout=log,
                stderr=log,
            )

    @property
    def url(self) -> str:
        """Where SDKs send to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has said."""
        return self._file.read_text(encoding="utf-8")

    def send(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        """Post JSON; return status and answer, 0 where none came."""
        named = base64.b64encode(f"{KEY}:".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 -- loopback
            f"{self.url}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Basic {named}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())
        except OSError:
            return 0, {}

    def listens(self) -> bool:
        """Tell whether it takes connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def ask_to_end(self) -> None:
        """Ask it to end, once, and do not wait: Python's last moments have no handlers."""
        if not self._asked:
            self._asked = True
            self.process.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def ingest(world: World, **settings: str) -> Iterator[IngestProcess]:
    """Run ingest for the length of the block; it ends in good order, and never tells its key."""
    running = IngestProcess(world, **settings)
    try:
        wait_until(lambda: asked(running.probes, "/ready")[0] == 200, "ingest")
        yield running
        running.ask_to_end()
        assert running.process.wait(PATIENCE) == 0
        assert KEY not in running.log
        assert "Traceback" not in running.log
    except BaseException:
        running.process.kill()
        running.process.wait(PATIENCE)
        sys.stderr.write(running.log[-8_000:])
        raise
