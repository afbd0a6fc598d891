"""A journeystream project of its own on the broker, run by its command line as users run it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from uuid import uuid4

from bench.cluster import Cluster
from bench.contest import Guarantee
from bench.processes import Command, Processes, finish

EVENT_DESTINATIONS = ("email", "in_app", "support")
LIST_DESTINATIONS = ("facebook_ads", "google_ads")
SESSION_SECONDS = 10
"""The product's default: how long a dead worker is not missed."""
_SETTLE_SECONDS = 1_800.0


@dataclass(frozen=True)
class Deployment:
    """A project: `app` begins the names of its topics, `directory` holds its files."""

    cluster: Cluster
    app: str
    directory: Path
    source: str
    guarantee: Guarantee = "exactly once"
    time: Literal["live", "replay"] = "replay"

    @property
    def file(self) -> Path:
        """The project file."""
        return self.directory / "journeystream.yaml"

    def topic(self, destination: str) -> str:
        """Return the topic of a destination."""
        return f"{self.app}-{destination.replace('_', '-')}"

    def state(self, worker: str) -> Path:
        """Return where a worker keeps its partitions, each in a directory named by its number."""
        return self.directory / f"state-{worker}" / self.app

    def install(self, journeys: Sequence[Path]) -> None:
        """Write the project file, create the topics, publish. Raises RunFailed."""
        self.file.write_text(self._settings(), encoding="utf-8")
        self._step("topics")
        self._step("publish", *journeys)

    def worker(self, name: str, *, standbys: int = 0, port: int | None = None) -> Command:
        """Return a worker to start; `port` is where it answers to probes."""
        options = [] if port is None else ["--http-port", str(port)]
        told = {
            "JOURNEYSTREAM_STATE__DIRECTORY": str(self.state(name).parent),
            "JOURNEYSTREAM_STATE__STANDBYS": str(standbys),
        }
        return Command([*self._words(), "run", *options], told)

    def settle(self, workers: Processes, events: int, tell: Callable[[int], None]) -> None:
        """Wait until so many source events are committed."""
        with self.cluster.onlooker(self.app) as onlooker:

            def settled() -> bool:
                done = onlooker.committed(self.source)
                tell(done)
                return done >= events

            workers.wait_until(settled, f"{events:,} events", _SETTLE_SECONDS)

    def held(self, log: str) -> int:
        """Return how many partitions a worker has, as its log tells."""
        return log.count(": taken over") - log.count(": let go")

    def wait_for_all(self, worker: Processes) -> None:
        """Wait until a worker has all partitions."""
        worker.wait_until(
            lambda: self.held(worker.log) == self.cluster.partitions, "all partitions"
        )

    def _settings(self) -> str:
        lines = [
            f"app: {self.app}",
            f"time: {self.time}",
            f"sources: [{{topic: {self.source}, keyed_by_user: true}}]",
            "destinations:",
            *(
                f"  - {{name: {name}, type: {kind}, topic: {self.topic(name)}}}"
                for kind, names in (("event", EVENT_DESTINATIONS), ("list", LIST_DESTINATIONS))
                for name in names
            ),
            "kafka:",
            f'  bootstrap: "{self.cluster.bootstrap}"',
            f"  partitions: {self.cluster.partitions}",
            f"  session_timeout: {SESSION_SECONDS} seconds",
            f"  guarantee: {self.guarantee.replace(' ', '_')}",
        ]
        return "\n".join(lines)

    def _words(self) -> list[str | Path]:
        return [sys.executable, "-m", "journeystream", "-p", self.file]

    def _step(self, *words: str | Path) -> None:
        finish([*self._words(), *words])


@contextmanager
def deployed(
    cluster: Cluster,
    *journeys: str,
    guarantee: Guarantee = "exactly once",
    time: Literal["live", "replay"] = "replay",
) -> Iterator[Deployment]:
    """Install a project with these definitions for the length of the block."""
    app = f"bench-{uuid4().hex[:8]}"
    with TemporaryDirectory(prefix="journeystream-bench-") as name:
        directory = Path(name)
        deployment = Deployment(cluster, app, directory, f"{app}-events", guarantee, time)
        files = []
        for number, text in enumerate(journeys):
            files.append(directory / f"journey-{number}.yaml")
            files[-1].write_text(text, encoding="utf-8")
        try:
            deployment.install(files)
            yield deployment
        finally:
            cluster.delete_all(app)


def sending(event: str, wait: str | None = None) -> str:
    """Return a journey that an event enters and that sends: at once, or after a wait."""
    name = event.lower().replace(" ", "_")
    waiting = f"  - {{id: pause, type: wait_for_duration, duration: {wait}, next: greet}}\n"
    return (
        f"id: {name}\nname: {event}\nat_end: exit\n"
        f"entry: {{condition: {{event: {event}}}, reentry: after_exit}}\nsteps:\n"
        f"{waiting if wait else ''}"
        "  - {id: greet, type: send_to_destinations, destinations: [email]}\n"
    )
