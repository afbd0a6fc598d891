"""The product's own embedded broker, as a broker for tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from journeystream.embedded_broker import EmbeddedBroker
from tests.brokers.broker import Broker


class EmbeddedTestBroker(EmbeddedBroker):
    """The embedded broker with what only tests do to it."""

    name = "embedded (noida-db 0.2.3)"
    ours = True
    full = False

    def restart(self) -> None:
        """Stop it in good order and start it on the same data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._child is not None:
            self._child.kill()

    def freeze(self) -> None:
        """Let it stand still, connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None, "the broker does not run"
        os.kill(self._child.pid, number)


@contextmanager
def embedded_broker() -> Iterator[Broker]:
    """Run an embedded broker on a directory of its own."""
    with (
        TemporaryDirectory(prefix="journeystream-embedded-") as directory,
        EmbeddedTestBroker(Path(directory)) as broker,
    ):
        yield broker
