"""The limit: a bare loop that does all that a worker can not leave out, and no journeys.

Fetch (read committed), JSON parse, RocksDB multi-get of the users whose events matter, one new
record of 150 bytes for each user of a batch, changelog, outputs and offsets in one transaction,
then one RocksDB WriteBatch. One process; a loop per partition with a producer of its own, so that
others compute while one waits for its commit. What a record says is a counter: there is nothing
to work out. There is no group membership, recovery, timer or check either.

`python -m bench.limit`, told by environment variables; bench/contestants.py starts it.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rocksdict import Options, Rdict, WriteBatch

from bench.cluster import PARTITIONS

RECORD_BYTES = 150
_COUNTER_BYTES = 8
_PADDING = bytes(RECORD_BYTES - _COUNTER_BYTES)
_OUTPUT = b"o" * 300  # about what an Audience Entered takes
_BATCH_BYTES = 1024 * 1024
_WAIT_MS = 200
_FETCH_WAIT_MS = 25


@dataclass(frozen=True)
class Settings:
    """What one limit is asked to do."""

    bootstrap: str
    group: str
    source: str
    output: str
    changelog: str
    directory: Path
    matter: frozenset[str]
    """Names of the events that touch state."""
    events_per_output: float
    transactions: bool

    @classmethod
    def told(cls) -> Settings:
        """Read them from the environment."""
        told = os.environ
        return cls(
            bootstrap=told["BENCH_BOOTSTRAP"],
            group=told["BENCH_GROUP"],
            source=told["BENCH_SOURCE"],
            output=told["BENCH_OUTPUT"],
            changelog=told["BENCH_CHANGELOG"],
            directory=Path(told["BENCH_STATE"]),
            matter=frozenset(told["BENCH_MATTER"].split(",")),
            events_per_output=float(told["BENCH_EVENTS_PER_OUTPUT"]),
            transactions=told["BENCH_GUARANTEE"] == "exactly once",
        )


class Partition:
    """The loop of one partition."""

    def __init__(
        self,
        number: int,
        settings: Settings,
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
    ) -> None:
        self._number = number
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._tp = TopicPartition(settings.source, number)
        self._db = Rdict(str(settings.directory / str(number)), Options(raw_mode=True))
        self._owed = 0.0  # outputs, in parts of one

    async def run(self) -> None:
        """Go on until the process is ended."""
        while True:
            found = await self._consumer.getmany(self._tp, timeout_ms=_WAIT_MS)
            if records := found.get(self._tp):
                await self._apply(records)

    async def _apply(self, records: list[Any]) -> None:
        settings, last = self._settings, records[-1].offset + 1
        users: dict[bytes, int] = {}
        for record in records:
            event = orjson.loads(record.value)
            if event["event"] in settings.matter:
                user = event["userId"].encode()
                users[user] = users.get(user, 0) + 1
        changed = self._advance(users)
        self._owed += len(records) / settings.events_per_output
        outputs, self._owed = int(self._owed), self._owed % 1
        if settings.transactions:
            async with self._producer.transaction():
                await self._send(changed, outputs)
                await self._producer.send_offsets_to_transaction({self._tp: last}, settings.group)
        else:
            await self._send(changed, outputs)
            await self._consumer.commit({self._tp: last})
        batch = WriteBatch(raw_mode=True)
        for user, record in changed.items():
            batch.put(user, record)
        self._db.write(batch)

    def _advance(self, users: dict[bytes, int]) -> dict[bytes, bytes]:
        names = list(users)
        changed: dict[bytes, bytes] = {}
        for user, found in zip(names, self._known(names), strict=True):
            count = int.from_bytes(found[:_COUNTER_BYTES], "big") if found else 0
            changed[user] = (count + users[user]).to_bytes(_COUNTER_BYTES, "big") + _PADDING
        return changed

    def _known(self, names: list[bytes]) -> list[bytes | None]:
        if not names:
            return []
        keys: Any = names  # typed for text only
        found: Any = self._db.get(keys)
        return list(found)

    async def _send(self, changed: dict[bytes, bytes], outputs: int) -> None:
        users = list(changed) or [b"nobody"]
        await asyncio.gather(
            *await self._batches(self._settings.changelog, list(changed.items())),
            *await self._batches(
                self._settings.output,
                [(users[index % len(users)], _OUTPUT) for index in range(outputs)],
            ),
        )

    async def _batches(self, topic: str, records: list[tuple[bytes, bytes]]) -> list[Any]:
        """Send records in as few batches as hold them, and return what tells of their arrival."""
        sent = []
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await self._producer.send_batch(batch, topic, partition=self._number))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        if batch.record_count():
            sent.append(await self._producer.send_batch(batch, topic, partition=self._number))
        return sent


async def run(settings: Settings) -> None:
    """Run all partitions until the process is ended."""
    async with AsyncExitStack() as open_:
        consumer = await open_.enter_async_context(
            AIOKafkaConsumer(
                bootstrap_servers=settings.bootstrap,
                group_id=settings.group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                # As a worker: what has no events must not hold up what has.
                fetch_max_wait_ms=_FETCH_WAIT_MS,
            )
        )
        numbers = range(PARTITIONS)
        consumer.assign([TopicPartition(settings.source, number) for number in numbers])
        producers = [
            await open_.enter_async_context(_producer(settings, number)) for number in numbers
        ]
        partitions = [
            Partition(number, settings, consumer, producer)
            for number, producer in zip(numbers, producers, strict=True)
        ]
        await asyncio.gather(*(partition.run() for partition in partitions))


def _producer(settings: Settings, number: int) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap,
        enable_idempotence=True,
        transactional_id=f"{settings.group}-{number}" if settings.transactions else None,
        max_batch_size=_BATCH_BYTES,
        max_request_size=4 * _BATCH_BYTES,
    )


if __name__ == "__main__":
    loops = import_module("uvloop" if find_spec("uvloop") else "asyncio")
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        runner.run(run(Settings.told()))
