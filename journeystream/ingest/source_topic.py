"""The source topic as ingest writes it: acknowledged by all replicas, each record once.

Law: `produce` returns when Kafka has all records, and raises KafkaError when it may not have some.
While Kafka is away it does not return: the client tries again for as long as it takes, because
giving a record up would leave a gap in the numbers by which the broker knows repeats. A client
that did give one up (its partition had no leader for long) is replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaError

from journeystream.agents.home import home_of
from journeystream.broker_access import BrokerAccess, ProducerClient
from journeystream.sinks.records import OutRecord

_log = logging.getLogger(__name__)
# Requests that come together share a batch, and wait this long for one another.
_LINGER_MS = 5
_BATCH_BYTES = 256 * 1024
_LARGEST_RECORD = 1_048_576  # above what an event can be, with its key


class SourceTopic:
    """A topic that events are produced to, from `start` to `stop`."""

    def __init__(self, topic: str, bootstrap: BrokerAccess) -> None:
        self.name = topic
        self._bootstrap = bootstrap
        self._client: ProducerClient | None = None
        self._replacing = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect; KafkaError where no broker answers."""
        await self._connected()

    async def stop(self, within: float) -> None:
        """Send what is left, for so many seconds at most."""
        if self._client is not None:
            self._leave(self._client)
            self._client = None
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=within)
            for each in late:
                each.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def produce(self, records: Sequence[OutRecord]) -> None:
        """Return when Kafka has the records; those of one user keep their order."""
        client = await self._connected()
        sent: list[asyncio.Future[Any]] = []
        try:
            partitions = len(await client.partitions_for(self.name))
            for record in records:
                sent.append(await _sent(client, record, partitions))  # noqa: PERF401 -- looked at below
            await asyncio.gather(*sent)
        except KafkaError as error:
            # Nobody else asks for what was sent before the failure.
            asyncio.gather(*sent, return_exceptions=True)
            _log.warning("topic %s does not take events: %r", self.name, error)
            if self._client is client:
                self._client = None
                self._leave(client)
            raise

    async def _connected(self) -> ProducerClient:
        async with self._replacing:
            if self._client is None:
                client = self._bootstrap.producer(
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=_LINGER_MS,
                    max_batch_size=_BATCH_BYTES,
                    max_request_size=_LARGEST_RECORD,
                )
                try:
                    await client.start()
                except BaseException:
                    await client.stop()
                    raise
                self._client = client
            return self._client

    def _leave(self, client: ProducerClient) -> None:
        """Let a client send what others still wait for, and close."""
        leaving = asyncio.create_task(client.stop())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


async def _sent(client: ProducerClient, record: OutRecord, partitions: int) -> asyncio.Future[Any]:
    key = record.key or b""
    sent: asyncio.Future[Any] = await client.send(
        record.topic,
        record.value,
        key,
        partition=home_of(key, partitions),
        timestamp_ms=record.timestamp_ms,
    )
    return sent
