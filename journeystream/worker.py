"""Running a worker: Faust's process around our app, and what its end means."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import faust

from journeystream.app import build_app
from journeystream.broker_access import BrokerAccess
from journeystream.project import Project

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_log = logging.getLogger(__name__)
_LATE = 1
_SWITCH_SECONDS = 0.0005
_NEW_OBJECTS, _YOUNG, _OLD = 1_000_000, 50, 100  # between two looks at each generation


class _Worker(faust.Worker):
    """Faust's worker, which ends within a deadline once it is asked to.

    To end at once is safe: a turn that is not committed never happened.
    """

    stop_seconds: float
    _deadline: threading.Timer | None = None

    def _install_signal_handlers_unix(self) -> None:
        # Python's own handlers outlive the loop: a signal that comes while all is being closed
        # must not end the process half-way.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: object) -> None:
        self.begin_to_end()
        with contextlib.suppress(RuntimeError):  # the loop is closed: it ends already
            self.loop.call_soon_threadsafe(self._schedule_shutdown, signal.Signals(number))

    def begin_to_end(self) -> None:
        """Let the deadline run, though the loop may be busy."""
        if self._deadline is None:
            self._deadline = threading.Timer(self.stop_seconds, self._end_at_once)
            self._deadline.daemon = True
            self._deadline.start()

    def _end_at_once(self) -> None:
        _log.error(
            "the worker did not end within limits.stop_within (%g s): it ends now; nothing is "
            "lost, the next owner of its partitions goes on",
            self.stop_seconds,
        )
        logging.shutdown()
        os._exit(_LATE)


def collect_seldom() -> None:
    """Let the garbage collector look for cycles less often: the values of a turn have none.

    Looking through a batch of events again and again took a sixth of all time, and still a
    fifteenth when there were 100,000 new objects between two looks; what it found in a minute of
    events was nothing. (After a rebalance there is something: app.py.) What is
    imported by now stays, and need not be looked through at all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG, _OLD)


def run_worker(
    project: Project,
    bootstrap: BrokerAccess,
    listening: socket.socket | None = None,
    tracer: Tracer | None = None,
) -> int:
    """Run until a signal (exit code 0) or an error, which is raised after everything is closed."""
    app = build_app(project, bootstrap, listening, tracer)
    worker = _Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.stop_seconds = project.limits.stop_seconds
    app.ending = worker.begin_to_end
    # A progress spinner of Faust's, which writes its escape codes into log files too.
    worker.spinner = None
    collect_seldom()
    # Faust fetches in a thread of its own, which would wait 5 ms for each step it takes.
    sys.setswitchinterval(_SWITCH_SECONDS)
    code: object = 0
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        code = end.code
    if app.failure is not None:
        raise app.failure
    return code if isinstance(code, int) else 0
