"""Running a worker: Faust's process around our app, and what its end means."""

from __future__ import annotations

import logging

import faust

from journeystream.app import build_app
from journeystream.project import Project


def run_worker(project: Project, bootstrap: str) -> None:
    """Run until a signal or an error; errors of ours are raised again after a clean stop."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("journeystream").setLevel(logging.INFO)
    app = build_app(project, bootstrap)
    worker = faust.Worker(
        app, loglevel=logging.WARNING, override_logging=False, redirect_stdouts=False
    )
    worker.execute_from_commandline()
