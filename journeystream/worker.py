"""Running a worker: Faust's process around our app, and what its end means."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading

import faust

from journeystream.app import build_app
from journeystream.project import Project

_log = logging.getLogger(__name__)
_LATE = 1


class _Worker(faust.Worker):
    """Faust's worker, which ends within a deadline once it is asked to.

    To end at once is safe: a turn that is not committed never happened.
    """

    stop_seconds: float

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        deadline = threading.Timer(self.stop_seconds, self._end_at_once)
        deadline.daemon = True
        deadline.start()
        super()._schedule_shutdown(signal)

    def _end_at_once(self) -> None:
        _log.error(
            "the worker did not end within limits.stop_within (%g s): it ends now; nothing is "
            "lost, the next owner of its partitions goes on",
            self.stop_seconds,
        )
        logging.shutdown()
        os._exit(_LATE)


def run_worker(project: Project, bootstrap: str, listening: socket.socket | None = None) -> int:
    """Run until a signal (exit code 0) or an error, which is raised after everything is closed."""
    _log_to_stderr()
    app = build_app(project, bootstrap, listening)
    worker = _Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.stop_seconds = project.limits.stop_seconds
    # A progress spinner of Faust's, which writes its escape codes into log files too.
    worker.spinner = None
    code: object = 0
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        code = end.code
    if app.failure is not None:
        raise app.failure
    return code if isinstance(code, int) else 0


def _log_to_stderr() -> None:
    """Say what operators can act on; Faust's own steps only when something is wrong."""
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING, stream=sys.stderr
    )
    logging.getLogger("journeystream").setLevel(logging.INFO)
    for faust_in_our_name in ("journeystream.app", "journeystream.agents.batch_transport"):
        logging.getLogger(faust_in_our_name).setLevel(logging.WARNING)
    # It tells with a traceback what the command tells in one line.
    logging.getLogger("mode.worker").setLevel(logging.CRITICAL)
    # Leaders that are just being elected are nothing to act on.
    logging.getLogger("aiokafka.consumer.fetcher").setLevel(logging.ERROR)
