"""What a worker has to ask for to tell how it is: lag, what is overdue, the size of its state.

Laws: nothing here is on the way of a turn, and nothing here can stop one. Kafka is asked once in
ten seconds for all partitions together, the state for what it knows without looking at rows. While
Kafka does not answer, the last figures stay, and `kafka_silent_seconds` says how old they are.
"""

from __future__ import annotations

import asyncio
import logging
import math
import platform
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from journeystream import metrics
from journeystream.agents.health import Health
from journeystream.clock import Clock
from journeystream.errors import StateError
from journeystream.state.store import Store

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 10.0
_MICROS = 1_000_000
_STANDINGS = ("running", "restoring", "standby")
Offsets = Mapping[TopicPartition, int]


class Watched(Protocol):
    """What is looked at of a partition."""

    @property
    def store(self) -> Store | None:
        """What is committed; None while it is not recovered."""


class Ends(Protocol):
    """Who knows where partitions of topics begin and end (`control.py`)."""

    async def begins(self, tps: Iterable[TopicPartition]) -> Offsets:
        """Return where partitions begin now."""

    async def ends(self, tps: Iterable[TopicPartition]) -> Offsets:
        """Return where readable partitions end now."""


class Watch:
    """Looks at the partitions that a worker has; `topics` are those that they read."""

    def __init__(
        self,
        running: Callable[[], Mapping[int, Watched]],
        topics: Collection[str],
        kafka: Ends,
        clock: Clock,
        *,
        live: bool,
    ) -> None:
        self._running = running
        self._topics = topics
        self._kafka = kafka
        self._clock = clock
        self._live = live

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            try:
                await self.look()
            except KafkaError as error:
                _log.debug("Kafka does not tell where topics end (%r)", error)
            except StateError as error:
                # The partition's own turn meets it too, and says what to do.
                _log.debug("the state tells nothing (%s)", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Ask once, and tell."""
        tps = [
            TopicPartition(topic, number) for number in self._running() for topic in self._topics
        ]
        if not tps:
            return
        begins, ends = await self._kafka.begins(tps), await self._kafka.ends(tps)
        # Others may be here by now; of those it is not known where they end.
        for number, partition in self._running().items():
            store = partition.store
            if store is not None and all(TopicPartition(t, number) in ends for t in self._topics):
                self._tell(number, store, begins, ends)

    def _tell(self, number: int, store: Store, begins: Offsets, ends: Offsets) -> None:
        state, behind = store.partition(), 0
        for topic in self._topics:
            tp = TopicPartition(topic, number)
            lag = max(ends[tp] - max(state.positions.get(topic, 0), begins[tp]), 0)
            metrics.LAG.labels(number, topic).set(lag)
            behind += lag
        metrics.EVENT_LAG.labels(number).set(self._seconds_since(state.clock if behind else None))
        metrics.TIMERS_OVERDUE.labels(number).set(self._seconds_since(store.next_wake()))
        size = store.size()
        metrics.STATE_ROWS.labels(number, "users").set(size.users)
        metrics.STATE_ROWS.labels(number, "timers").set(size.alarms)
        metrics.STATE_BYTES.labels(number).set(size.bytes)

    def _seconds_since(self, instant: int | None) -> float:
        if instant is None or not self._live:
            return 0.0
        return max(self._clock.now() - max(instant, 0), 0) / _MICROS


def describe(
    names: Mapping[str, str], health: Callable[[], Health], silent: Callable[[], float | None]
) -> None:
    """Let what a worker knows of itself be told whenever somebody scrapes its metrics."""
    try:
        number = version("journeystream")
    except PackageNotFoundError:
        number = "unknown"
    metrics.WORKER.info({**names, "version": number, "python": platform.python_version()})
    metrics.READY.set_function(lambda: float(health().ready))
    metrics.KAFKA_SILENT.set_function(partial(_or_nan, silent))
    for standing in _STANDINGS:
        metrics.PARTITIONS.labels(standing).set_function(partial(_standing, health, standing))


def _or_nan(silent: Callable[[], float | None]) -> float:
    seconds = silent()
    return math.nan if seconds is None else seconds


def _standing(health: Callable[[], Health], standing: str) -> float:
    told = health()
    if standing == "standby":
        return len(told.standbys)
    return sum(each == standing for each in told.partitions.values())
