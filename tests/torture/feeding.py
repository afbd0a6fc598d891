"""Producing the load beside the chaos: as much as is allowed, spread over the next seconds.

An idempotent producer, so that a broker that restarts neither repeats nor reorders it: the log
is what load.py made, and the oracle can not be wrong in the same way as the workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from threading import Event, Thread

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tests.brokers.clients import client
from tests.integration.waiting import PATIENCE
from tests.integration.world import World
from tests.torture.load import Record

_SPREAD_SECONDS = 4.0
_IDLE_SECONDS = 0.02
_DRIP = 100
_CHUNKS = (5, 20, 60, 150, 1_000)  # most are small, so that there are many commits
_WEIGHTS = (4, 8, 6, 3, 1)


class Feeder:
    """A thread that produces records; `fed` tells how many."""

    def __init__(self, world: World, records: Sequence[Record], seed: int) -> None:
        self.fed = 0
        self.errors: list[str] = []
        self._topic = world.source
        self._records = records
        self._rng = Random(seed)  # noqa: S311  a plan, no secret
        self._allowed = 0
        self._hurry = Event()
        self._producer = Producer(
            client(
                world.bootstrap,
                enable_idempotence=True,
                partitioner="murmur2_random",
                linger_ms=2,
                message_timeout_ms=300_000,
            )
        )
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def allow(self, share: float) -> None:
        """Let this share of the load be produced by and by."""
        assert not self.errors, self.errors
        self._allowed = max(self._allowed, round(len(self._records) * share))

    def drip(self) -> None:
        """Let some more be produced if the workers have run out of work."""
        if self.fed == self._allowed:
            self._allowed = min(len(self._records), self._allowed + _DRIP)

    def finish(self) -> None:
        """Produce the rest at once and wait until the broker has it."""
        self._allowed = len(self._records)
        self._hurry.set()
        self._thread.join()
        assert not self.errors, self.errors
        assert self._producer.flush(PATIENCE) == 0, "the broker did not take the load"
        assert not self.errors, self.errors

    def _run(self) -> None:
        try:
            self._feed()
        except KafkaException as error:
            self.errors.append(str(error))

    def _feed(self) -> None:
        while self.fed < len(self._records):
            waiting = self._allowed - self.fed
            if waiting <= 0:
                self._producer.poll(0)
                self._hurry.wait(_IDLE_SECONDS)
                continue
            size = min(waiting, self._rng.choices(_CHUNKS, _WEIGHTS)[0])
            for record in self._records[self.fed : self.fed + size]:
                self._produce(record)
            self.fed += size
            self._producer.poll(0)
            # The backlog runs out within seconds; when the load must end, at once.
            self._hurry.wait(min(1.0, _SPREAD_SECONDS * size / waiting))

    def _produce(self, record: Record) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic, record.value, record.user, on_delivery=self._told
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _told(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self.errors.append(str(error))
