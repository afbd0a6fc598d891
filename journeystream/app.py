"""The only wiring: a project becomes a Faust app that walks its journeys."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import faust
from aiokafka import TopicPartition
from faust.app.base import BootStrategy
from faust.types import TP
from faust.types.transports import TransportT
from yarl import URL

from journeystream import metrics
from journeystream.agents.batch_transport import BatchConsumer, BatchTransport
from journeystream.agents.changelog import Ledger
from journeystream.agents.cluster import KafkaCluster
from journeystream.agents.control import Control
from journeystream.agents.decode import source_limits
from journeystream.agents.frontier import Frontier, origin_of
from journeystream.agents.handing_over import hand_over
from journeystream.agents.health import Health, Signs, judge
from journeystream.agents.intake import Sorter
from journeystream.agents.partition import Partition
from journeystream.agents.partitions import Partitions
from journeystream.agents.rejections import Bound
from journeystream.agents.source_events import source_events
from journeystream.agents.standby import Standby
from journeystream.agents.surroundings import Surroundings
from journeystream.agents.telling import Teller
from journeystream.agents.watch import Watch, describe
from journeystream.api.all_routes import ROUTES
from journeystream.api.desk import Desk
from journeystream.api.owners import Group, Owners
from journeystream.api.site import ApiServer, Site
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.effects import stable_id
from journeystream.probes import Probes
from journeystream.project import Project
from journeystream.publishing import workshop_of
from journeystream.repeats import Memory
from journeystream.sinks.routing import Routing
from journeystream.state.rocksdb import RocksStore, shared_cache
from journeystream.topics import partitions_of
from journeystream.worker_log import worker_name

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from journeystream.agents.tracing import Tracing

_SECOND = 1_000_000
_HEARTBEATS = 3  # per session: one may be lost without the worker being given up
# How long the others wait for a worker to end its turn: at least the first, and always so much
# longer than a turn may take to end.
_REBALANCE_SECONDS, _BESIDE_TURNS = 60.0, 10.0
_POLL_SECONDS = 300.0
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  not opened here: no address to send others to
_FOR_TURNS = 0.5  # of the time to stop: the rest is for leaving the group and closing files


class _Boot(BootStrategy):
    """Starts what Faust's worker consists of but its producer: nothing of ours goes through it."""

    enable_kafka_producer = False


class JourneyApp(faust.App):
    """A Faust app with our transport, and the control topic read before anything else."""

    BootStrategy = _Boot
    project: Project
    bootstrap: BrokerAccess
    control: Control
    partitions: Partitions
    around: Surroundings
    clock: WallClock
    ending: Callable[[], None]
    failure: BaseException | None = None
    site: Site | None = None
    owners: Owners | None = None
    spans: Tracer | None = None
    watch: asyncio.Task[None] | None = None
    shares = 0
    assigned = False
    fetched: float | None = None

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)

    def has_room(self, tp: TP) -> bool:
        """Tell the transport whether a partition can take another batch."""
        return self.partitions.has_room(tp)

    def fetching(self) -> None:
        """Hear from the transport that it asks for records."""
        self.fetched = self.clock.elapsed()

    async def tell_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets as a member of the group, outside of any transaction."""
        await cast("BatchConsumer", self.consumer).tell_offsets(offsets)

    def health(self) -> Health:
        """Tell how the worker is."""
        running = self.partitions.running
        return judge(
            Signs(
                failure=None if self.failure is None else str(self.failure),
                assigned=self.assigned,
                partitions={number: each.standing for number, each in running.items()},
                standbys=tuple(self.partitions.standing_by),
                turn_seconds=max((each.turn_seconds for each in running.values()), default=0.0),
                fetched=None if self.fetched is None else self.clock.elapsed() - self.fetched,
                answered=self.control.silent_seconds,
            )
        )

    async def on_start(self) -> None:
        """Know the journeys and the topics first."""
        self._describe()
        try:
            if self.site is not None:
                await self.site.start()
            self.around = await _surroundings(self)
            await self.control.start(self._end_by)
            self._begin_to_watch()
        except Exception as error:
            self.failure = error
            raise
        await super().on_start()

    def _crash(self, reason: BaseException) -> None:
        """Keep the first error, of whatever part: it is what the worker ended by."""
        if self.failure is None:
            self.failure = reason
            self.ending()
        super()._crash(reason)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        if self.should_stop:
            # Faust tells nobody any more: who waits for these partitions has to wait for our turn.
            await self.partitions.revoke()
        await super()._on_partitions_revoked(revoked)

    def _on_rebalance_when_stopped(self) -> None:
        """Do nothing: the consumer's own thread leaves the group; Faust closes it half-way here."""

    def _describe(self) -> None:
        names = {
            "app": self.project.app,
            "worker": worker_name(self.project.kafka.instance),
            "guarantee": self.project.kafka.guarantee,
            "time": self.project.time,
        }
        describe(names, self.health, lambda: self.control.silent_seconds)

    def _begin_to_watch(self) -> None:
        watch = Watch(
            lambda: self.partitions.running,
            self.project.topics_read,
            self.control,
            self.clock,
            live=self.around.live,
        )
        self.watch = asyncio.create_task(watch.run())

    def _end_by(self, error: BaseException) -> None:
        self.add_future(self.crash(error))

    async def on_stop(self) -> None:
        """End the turns, then the rest."""
        if self.watch is not None:
            self.watch.cancel()
        await self.partitions.stop()
        await super().on_stop()
        await self.control.stop()
        if self.site is not None:
            await self.site.stop()
        if self.owners is not None:
            await self.owners.stop()


def build_app(
    project: Project,
    bootstrap: BrokerAccess,
    listening: socket.socket | None = None,
    tracer: Tracer | None = None,
) -> JourneyApp:
    """Wire a worker for a project against its broker.

    Its probes and its API answer at the `listening` socket, if there is one; a `tracer` is for
    records that are traced.
    """
    app = _faust_app(project, bootstrap, _url_of(project, listening))
    app.project, app.bootstrap = project, bootstrap
    app.clock = WallClock()
    app.ending = lambda: None
    app.spans = tracer
    cluster = KafkaCluster(bootstrap)
    app.control = Control(
        project.control_topic, cluster, project.app, workshop_of(project), app.clock
    )
    cache = shared_cache(project.state.block_cache_mb)

    def open_store(number: int) -> RocksStore:
        directory = project.state_directory / project.app / str(number)
        store = RocksStore(directory, cache, identity=f"{project.app}/{number}")
        if store.set_aside:
            metrics.SET_ASIDE.labels(number).inc()
        return store

    def ledger(number: int) -> Ledger:
        return Ledger(number, project.changelog_topic, project.app)

    app.partitions = Partitions(
        make=lambda number: Partition(ledger(number), open_store(number), app.around),
        stand_by=lambda number: Standby(partial(open_store, number), ledger(number), cluster),
        crash=app.crash,
        patience=_patience(project),
    )
    if listening is not None:
        _serve(app, listening)
    topics = project.topics_read
    source_events(app, topics, app.partitions)
    _follow_assignments(app, frozenset(topics))
    return app


def _patience(project: Project) -> float:
    """Return how many seconds a turn may take to end."""
    return project.limits.stop_seconds * _FOR_TURNS


def _url_of(project: Project, listening: socket.socket | None) -> URL:
    """Return where other workers reach this one; Faust's assignor tells them apart by it."""
    if project.api.advertise is not None:
        return URL(str(project.api.advertise))
    if listening is None:
        return URL(f"http://{worker_name(project.kafka.instance)}:6066")  # nobody answers there
    host, port = listening.getsockname()[:2]
    return URL.build(
        scheme="http", host=socket.gethostname() if host in _EVERYWHERE else host, port=port
    )


def _serve(app: JourneyApp, listening: socket.socket) -> None:
    """Let the worker answer at a socket."""
    app.owners = Owners(
        Group(
            own=str(app.conf.canonical_url),
            topic=app.project.rekey_topic,
            count=lambda: app.shares,
            distribution=app.router.external_topics_metadata,
            running=lambda: app.partitions.running,
        )
    )
    desk = Desk(app.project, app.bootstrap, app.control, app.owners, app.clock, app.health)
    api = ApiServer(ROUTES, desk, app.project.api, app.clock)
    app.site = Site(listening, [Probes(app.health).add_to, api.add_to], app.project.api.body_bytes)


async def _surroundings(app: JourneyApp) -> Surroundings:
    project = app.project
    rekey = project.rekey_topic
    partitions = await partitions_of(project.topics_read, app.bootstrap)
    straight = {source.topic for source in project.sources if source.keyed_by_user}
    spread = {source.topic for source in project.sources if not source.keyed_by_user}
    replies = {project.decisions.replies} if project.decisions else set()
    loose = [
        TopicPartition(topic, number)
        for topic in sorted(spread | replies)
        for number in range(partitions[topic])
    ]
    app.shares = partitions[rekey]
    live, repeats = project.time == "live", project.kafka.guarantee == "at_least_once"
    routing = Routing(
        project.destinations,
        project.profile_changes,
        project.decisions,
        project.travel_log,
        hand_over(rekey, app.clock.now),
    )
    return Surroundings(
        cluster=KafkaCluster(app.bootstrap),
        live=live,
        control=app.control,
        clock=app.clock,
        memory=Memory(project.limits.dedup_window_micros, project.limits.dedup_ids),
        routing=routing,
        sorters=_sorters(project, partitions[rekey]),
        frontier=Frontier(
            frozenset(straight),
            frozenset(origin_of(tp.topic, tp.partition) for tp in loose if tp.topic in spread),
            replies=live and bool(replies),
        ),
        loose=frozenset(loose),
        passage=rekey,
        bound=Bound(project.limits.dead_letters_in_a_row, project.limits.dead_letter_share),
        teller=Teller(app.tell_offsets) if repeats else None,
        tracing=None if app.spans is None else _tracing(app.spans, routing),
    )


def _tracing(tracer: Tracer, routing: Routing) -> Tracing:
    # An optional part: whoever does not trace need not have it installed.
    from journeystream.agents.tracing import Tracing  # noqa: PLC0415

    return Tracing(tracer, routing)


def _sorters(project: Project, partitions: int) -> dict[str, Sorter]:
    """Return how the records of each topic are read; `partitions` are those of the passage."""
    limits = source_limits(project)
    letters, rekey = project.dead_letter_topic, project.rekey_topic
    # What is too big was refused at its source; a user who moves may be bigger.
    ours = replace(limits, notes=True, message_bytes=sys.maxsize)
    sorters = {rekey: Sorter(ours, letters)}
    for source in project.sources:
        trusted = source.keyed_by_user
        sorters[source.topic] = (
            Sorter(limits, letters) if trusted else Sorter(limits, letters, rekey, partitions)
        )
    if project.decisions is not None:
        # A service need not know our partitioner.
        answers = replace(limits, replies=True)
        sorters[project.decisions.replies] = Sorter(answers, letters, rekey, partitions)
    return sorters


def _faust_app(project: Project, bootstrap: BrokerAccess, url: URL) -> JourneyApp:
    session = project.kafka.session_timeout_micros / _SECOND
    worker = worker_name(project.kafka.instance)
    # Kafka gives a member that comes back under its name what it had. Who reads other topics now,
    # or is reached elsewhere, has to be another one.
    same = stable_id(*sorted(project.topics_read), str(url))[:8]
    return JourneyApp(
        project.app,
        broker=[URL(f"kafka://{address.strip()}") for address in bootstrap.address.split(",")],
        broker_session_timeout=session,
        broker_heartbeat_interval=session / _HEARTBEATS,
        broker_rebalance_timeout=max(_REBALANCE_SECONDS, _patience(project) + _BESIDE_TURNS),
        broker_max_poll_interval=_POLL_SECONDS,
        consumer_group_instance_id=project.kafka.instance and f"{worker}-{same}",
        canonical_url=url,
        datadir=Path(tempfile.gettempdir()) / f"journeystream-faust-{worker}",
        # The assignor places standbys; the tables that Faust means are not used.
        table_standby_replicas=project.state.standbys,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
    )


def _follow_assignments(app: JourneyApp, topics: frozenset[str]) -> None:
    def numbers(tps: set[TP]) -> set[int]:
        return {tp.partition for tp in tps if tp.topic in topics}

    async def on_assigned(*arguments: Any, **_: Any) -> None:  # noqa: ANN401  Faust's signals
        # What was fetched for partitions that are gone hangs in cycles, megabytes of it, and the
        # collector hardly ever looks (worker.py).
        gc.collect()
        ours = numbers(arguments[1])
        await app.partitions.assign(ours, numbers(app.assignor.assigned_standbys()))
        app.assigned = True
        # Without partitions nothing is fetched, and nothing has to be.
        app.fetched = app.clock.elapsed() if ours else None

    async def on_revoked(*_: Any, **__: Any) -> None:  # noqa: ANN401  Faust's signals
        # The protocol is eager: all are revoked, and some come back.
        app.assigned, app.fetched = False, None
        await app.partitions.revoke()

    app.on_partitions_assigned.connect(on_assigned)
    app.on_partitions_revoked.connect(on_revoked)
