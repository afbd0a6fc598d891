"""The only wiring: a project becomes a Faust app that walks its journeys."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import faust
from aiokafka import TopicPartition
from faust.types import TP
from faust.types.transports import TransportT
from yarl import URL

from journeystream.agents.batch_transport import BatchTransport
from journeystream.agents.commit import Ledger
from journeystream.agents.control import Control
from journeystream.agents.decode import DecodeLimits
from journeystream.agents.frontier import Frontier, origin_of
from journeystream.agents.intake import Sorter
from journeystream.agents.partition import Partition, Surroundings
from journeystream.agents.partitions import Partitions
from journeystream.agents.source_events import source_events
from journeystream.clock import WallClock
from journeystream.project import Project
from journeystream.publishing import workshop_of
from journeystream.repeats import Memory
from journeystream.sinks.routing import Routing
from journeystream.state.rocksdb import RocksStore, shared_cache
from journeystream.topics import partitions_of

_SECOND = 1_000_000
_HEARTBEATS = 3  # per session: one may be lost without the worker being given up
_REBALANCE_SECONDS = 60.0  # how long the others wait for a worker to end its turn
_POLL_SECONDS = 300.0


class JourneyApp(faust.App):
    """A Faust app with our transport, and the control topic read before anything else."""

    project: Project
    bootstrap: str
    control: Control
    partitions: Partitions
    around: Surroundings
    failure: BaseException | None = None

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)

    def has_room(self, tp: TP) -> bool:
        """Tell the transport whether a partition can take another batch."""
        return self.partitions.has_room(tp)

    async def on_start(self) -> None:
        """Know the journeys and the topics first."""
        try:
            self.around = await _surroundings(self.project, self.bootstrap, self.control)
            await self.control.start()
        except Exception as error:
            self.failure = error
            raise
        await super().on_start()

    async def crash(self, reason: BaseException) -> None:
        """Keep the first error: it is what the worker ended by."""
        self.failure = self.failure or reason
        await super().crash(reason)

    async def on_stop(self) -> None:
        """End the turns, then the rest."""
        await self.partitions.revoke()
        await super().on_stop()
        await self.control.stop()


def build_app(project: Project, bootstrap: str) -> JourneyApp:
    """Wire a worker for a project against the broker at `bootstrap`."""
    app = _faust_app(project, bootstrap)
    app.project, app.bootstrap = project, bootstrap
    app.control = Control(project.control_topic, bootstrap, project.app, workshop_of(project))
    cache = shared_cache(project.state.block_cache_mb)

    def make(number: int) -> Partition:
        store = RocksStore(project.state_directory / project.app / str(number), cache)
        ledger = Ledger(number, project.changelog_topic, project.app)
        return Partition(ledger, store, app.around)

    topics = [*(source.topic for source in project.sources), project.rekey_topic]
    app.partitions = Partitions(make, topics, app.crash)
    source_events(app, topics, app.partitions)
    _follow_assignments(app)
    return app


async def _surroundings(project: Project, bootstrap: str, control: Control) -> Surroundings:
    limits = DecodeLimits(
        message_bytes=project.limits.message_bytes,
        clock_skew=project.limits.clock_skew_micros,
        oldest_event=project.limits.oldest_event_instant,
        replay=project.time == "replay",
    )
    letters, rekey = project.dead_letter_topic, project.rekey_topic
    topics = [source.topic for source in project.sources]
    partitions = await partitions_of([*topics, rekey], bootstrap)
    straight = {source.topic for source in project.sources if source.keyed_by_user}
    loose = {
        TopicPartition(source.topic, number)
        for source in project.sources
        if not source.keyed_by_user
        for number in range(partitions[source.topic])
    }
    return Surroundings(
        bootstrap=bootstrap,
        live=project.time == "live",
        control=control,
        clock=WallClock(),
        memory=Memory(project.limits.dedup_window_micros, project.limits.dedup_ids),
        routing=Routing(project.destinations),
        sorters={
            **{topic: Sorter(limits, letters) for topic in (*straight, rekey)},
            **{tp.topic: Sorter(limits, letters, rekey, partitions[rekey]) for tp in loose},
        },
        frontier=Frontier(
            frozenset(straight),
            frozenset(origin_of(tp.topic, tp.partition) for tp in loose),
        ),
        loose=frozenset(loose),
    )


def _faust_app(project: Project, bootstrap: str) -> JourneyApp:
    session = project.kafka.session_timeout_micros / _SECOND
    # Faust's assignor tells workers apart by their URL.
    worker = project.kafka.instance or f"{socket.gethostname()}-{os.getpid()}"
    return JourneyApp(
        project.app,
        broker=[URL(f"kafka://{address.strip()}") for address in bootstrap.split(",")],
        broker_session_timeout=session,
        broker_heartbeat_interval=session / _HEARTBEATS,
        broker_rebalance_timeout=_REBALANCE_SECONDS,
        broker_max_poll_interval=_POLL_SECONDS,
        consumer_group_instance_id=project.kafka.instance,
        canonical_url=URL(f"http://{worker}:6066"),
        datadir=Path(tempfile.gettempdir()) / f"journeystream-faust-{worker}",
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
    )


def _follow_assignments(app: JourneyApp) -> None:
    async def on_assigned(*arguments: Any, **_: Any) -> None:  # noqa: ANN401  Faust's signals
        assigned: set[TP] = arguments[1]
        await app.partitions.assign(assigned)

    async def on_revoked(*_: Any, **__: Any) -> None:  # noqa: ANN401  Faust's signals
        # The protocol is eager: all are revoked, and some come back.
        await app.partitions.revoke()

    app.on_partitions_assigned.connect(on_assigned)
    app.on_partitions_revoked.connect(on_revoked)
