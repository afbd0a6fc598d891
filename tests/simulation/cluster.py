"""The simulated cluster in the words of `journeystream/agents/cluster.py`, as aiokafka keeps them.

A producer that is fenced hears ProducerFenced for what is under way; what it tries afterwards
is refused as no transaction (IllegalOperation), because aiokafka forgets the transaction then.
A request that was sent is carried out, even if whoever waited for it was cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.structs import ConsumerRecord

from journeystream.sinks.records import OutRecord
from tests.simulation.broker import Broker, Line, NotYet, Record
from tests.simulation.loop import SimulatedFuture
from tests.simulation.process import Process

_LARGEST_BATCH = 2  # records that surely go together


class SimulatedCluster:
    """The broker as one process reaches it."""

    address = "simulated:9092"

    def __init__(self, broker: Broker, process: Process) -> None:
        self._broker = broker
        self._process = process

    def producer(self, transactional_id: str | None) -> SimulatedProducer:
        """Return a transactional producer, not started; others are not simulated."""
        return SimulatedProducer(self._broker, self._process, transactional_id)

    def consumer(self, group: str | None = None, *, committed: bool = True) -> SimulatedConsumer:
        """Return a consumer, not started, that joins nothing."""
        del group
        return SimulatedConsumer(self._broker, self._process, committed=committed)


class SimulatedProducer:
    """A producer; `tell` gives the notes that its transactions carry, if it has a name."""

    def __init__(self, broker: Broker, process: Process, name: str | None) -> None:
        self.tell: Callable[[], object] = lambda: None
        self._broker = broker
        self._line = Line(process)
        self._name = name
        self._epoch = -1
        self._open = False
        self._failed: KafkaError | None = None
        self._notes: object = None
        self._unsent: list[tuple[TopicPartition, Record, SimulatedFuture]] = []
        self._under_way: list[SimulatedFuture] = []

    async def start(self) -> None:
        """Fence everyone who has the same id."""
        name = self._name
        if name is None:
            await self._ask("init", lambda: None)
        else:
            self._epoch = await self._ask("init", lambda: self._broker.start(name))

    async def stop(self) -> None:
        """Wait for what is under way; what is open stays open."""
        self._flush()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def begin_transaction(self) -> None:
        """Begin; the broker hears of it with the first record."""
        # aiokafka's own words for a transition that its state does not allow.
        assert self._failed is None, "Invalid state transition"
        assert not self._open, "Invalid state transition"
        self._open = True
        self._notes = self.tell()

    def makes_one_batch(self, records: Iterable[OutRecord]) -> bool:
        """Say it of two records, so that both ways to write a turn are tried."""
        return len(list(records)) <= _LARGEST_BATCH

    async def send(self, records: Iterable[OutRecord]) -> list[int]:
        """Send records and wait until the broker has them; return their offsets."""
        sent, records = [], list(records)
        whole = self._name is None and self.makes_one_batch(records)
        try:
            for record in records:
                sent.append(await self._send(record, whole=whole))  # noqa: PERF401  looked at below
        except BaseException:
            asyncio.gather(*sent, return_exceptions=True)
            raise
        placed: list[ConsumerRecord] = await asyncio.gather(*sent)
        return [each.offset for each in placed]

    async def _send(self, record: OutRecord, *, whole: bool) -> SimulatedFuture:
        if self._name is not None:
            self._refuse_without_transaction()
        broker = self._broker
        timestamp_ms = record.timestamp_ms
        if timestamp_ms is None:
            timestamp_ms = int(broker.loop.time() * 1_000)
        sent = broker.loop.create_future()
        if not self._unsent:
            broker.loop.call_soon(self._flush)
        tp = broker.place(record.topic, record.key, record.partition)
        written = record.key, record.value, timestamp_ms, tuple(record.headers)
        self._unsent.append((tp, written, sent))
        if broker.random.random() < 0.1 and not whole:
            await asyncio.sleep(0)  # a batch is full, and leaves before the next record comes
        return sent

    async def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, int], group_id: str
    ) -> None:
        """Let the group have consumed up to `offsets` if the transaction is committed."""
        del group_id
        self._refuse_without_transaction()
        self._flush()
        name, epoch, notes = self._named, self._epoch, self._notes
        await self._ask(
            "offsets", lambda: self._broker.add_offsets(name, epoch, dict(offsets), notes)
        )

    async def commit_transaction(self) -> None:
        """Make it true."""
        assert self._failed is None, "Invalid state transition"
        assert self._open, "Invalid state transition"
        self._flush()
        self._open = False
        await self._ask("commit", lambda: self._broker.commit(self._named, self._epoch))

    async def abort_transaction(self) -> None:
        """Let nothing of it have happened."""
        self._flush()
        self._open = False
        await self._ask("abort", lambda: self._broker.abort(self._named, self._epoch))

    @property
    def _named(self) -> str:
        assert self._name is not None, "a producer without an id knows no transactions"
        return self._name

    def _refuse_without_transaction(self) -> None:
        if self._failed is not None or not self._open:
            raise IllegalOperation("Not in the middle of a transaction")

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not unsent:
            return
        records = [(tp, record) for tp, record, _ in unsent]
        name, epoch, notes = self._name, self._epoch, self._notes
        asked = self._ask(
            "send",
            lambda: (
                self._broker.append_at_once(records)
                if name is None
                else self._broker.append(name, epoch, records, notes)
            ),
        )

        def acknowledge(answer: asyncio.Future[list[ConsumerRecord]]) -> None:
            error = answer.exception()
            for index, (_, _, sent) in enumerate(unsent):
                if sent.done():
                    continue
                if error is None:
                    sent.set_result(answer.result()[index])
                else:
                    sent.set_exception(error)

        asked.add_done_callback(acknowledge)

    def _ask(self, step: str, effect: Callable[[], object]) -> SimulatedFuture:
        """Return a future of the answer; the request goes out whoever waits for it."""
        answer = self._broker.request(self._line, step, effect)
        self._under_way = [each for each in self._under_way if not each.done()]
        self._under_way.append(answer)
        answer.add_done_callback(self._hear)
        heard = self._broker.loop.create_future()

        def pass_on(_: object) -> None:
            if not heard.done():
                error = answer.exception()
                if error is None:
                    heard.set_result(answer.result())
                else:
                    heard.set_exception(error)

        answer.add_done_callback(pass_on)
        return heard

    def _hear(self, answer: asyncio.Future[object]) -> None:
        error = answer.exception()
        if isinstance(error, KafkaError):
            self._failed = error


class SimulatedConsumer:
    """A consumer that reads committed records of the partitions it gives itself.

    One that is not `committed` is asked for ends only.
    """

    def __init__(self, broker: Broker, process: Process, *, committed: bool) -> None:
        self._broker = broker
        self._committed = committed
        self._line = Line(process)
        self._asks = Line(process)
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Connect."""
        await self._broker.request(self._asks, "connect", lambda: None)

    async def stop(self) -> None:
        """Let go."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Say what is read."""
        self._positions = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from an offset."""
        self._positions[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset to be read next."""
        return self._positions[partition]

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return what is there, or comes within the time."""
        broker, (tp,) = self._broker, partitions
        log, position = broker.logs[tp], self._positions[tp]
        deadline = broker.loop.time() + timeout_ms / 1_000
        # A fetch brings as many bytes as it may, not all that there is.
        most = min(max_records or 1_000_000, broker.random.choice((2, 5, 1_000)))

        def fetch() -> tuple[list[ConsumerRecord], int]:
            records, after = log.read(position, most)
            left = deadline - broker.loop.time()
            if not records and left > 0:
                raise NotYet(left, (log,))
            return records, after

        records, self._positions[tp] = await broker.request(self._line, "fetch", fetch)
        return {tp: records} if records else {}

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return where partitions begin now."""
        tps, logs = list(partitions), self._broker.logs
        return await self._look(lambda: {tp: logs[tp].begin for tp in tps})

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return up to where partitions can be read now."""
        tps, logs = list(partitions), self._broker.logs
        if not self._committed:
            return await self._look(lambda: {tp: logs[tp].end for tp in tps})
        return await self._look(lambda: {tp: logs[tp].stable for tp in tps})

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return what the group has consumed up to."""
        offset: int | None = await self._broker.request(
            self._asks, "committed", lambda: self._broker.group.get(partition)
        )
        return offset

    async def _look(
        self, effect: Callable[[], dict[TopicPartition, int]]
    ) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = await self._broker.request(self._asks, "ends", effect)
        return found
