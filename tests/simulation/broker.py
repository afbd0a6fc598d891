"""The simulated broker: transactions, fencing, offsets of a group, and its own restarts.

Laws are Kafka's. A transactional id has one epoch at a time; starting raises it, aborts what is
open, and waits for what is being committed. A commit is true at once; its markers may reach the
partitions a little later, each at its own moment, and until then the id begins nothing new. A
transaction that stays open too long is aborted and its producer fenced. While the broker
restarts requests wait; nothing committed is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.partitioner import murmur2
from aiokafka.structs import ConsumerRecord

from tests.simulation.log import Log, Transaction
from tests.simulation.loop import SimulatedFuture, SimulatedLoop
from tests.simulation.process import Process

Record = tuple[bytes | None, bytes | None, int, tuple[tuple[str, bytes], ...]]
Hook = Callable[[str, str, Process], None]
_AGAIN = 0.02  # seconds until a request is repeated that came too early


class NotYet(Exception):
    """A request can not be answered yet: again `after` seconds, or when a log grows."""

    def __init__(self, after: float = _AGAIN, logs: tuple[Log, ...] = ()) -> None:
        super().__init__(after)
        self.after = after
        self.logs = logs


@dataclass(slots=True)
class _Id:
    """What the coordinator knows of a transactional id."""

    epoch: int = -1
    open: Transaction | None = None
    unmarked: int = 0


@dataclass
class Network:
    """How long things take, in seconds; `markers` is the longest delay of a marker."""

    fastest: float = 0.0005
    slowest: float = 0.006
    markers: float = 0.0
    transaction_timeout: float = 60.0


class Broker:
    """One broker with all partitions; `hook` is told of every request before, at and after it."""

    def __init__(self, loop: SimulatedLoop, random: Random, network: Network) -> None:
        self.loop = loop
        self.random = random
        self.network = network
        self.hook: Hook = lambda *_: None
        self.logs: dict[TopicPartition, Log] = {}
        self.group: dict[TopicPartition, int] = {}
        self.history: list[Transaction] = []
        self.trace: list[tuple[float, str, str, str]] = []
        self._partitions: dict[str, int] = {}
        self._ids: dict[str, _Id] = {}
        self._down = False
        self._stopped: list[Line] = []

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic."""
        self._partitions[topic] = partitions
        for number in range(partitions):
            tp = TopicPartition(topic, number)
            self.logs[tp] = Log(tp)

    def note(self, who: str, what: str, more: str = "") -> None:
        """Write a line of the trace."""
        self.trace.append((self.loop.time(), who, what, more))

    # ── requests ─────────────────────────────────────────────────────────────────────────

    def request(self, line: Line, step: str, effect: Callable[[], Any]) -> SimulatedFuture:
        """Send a request; the future is its answer. Those of one line arrive in their order."""
        answer = self.loop.create_future()
        process, loop = line.process, self.loop

        def depart() -> None:
            self.hook(step, "before", process)
            if process.frozen:
                process.do(depart)
            elif process.alive:
                line.busy = max(line.busy + 1e-6, loop.time() + self._travel())
                loop.call_at(line.busy, self._arrive, line, arrive)

        def arrive() -> None:
            result, error = None, None
            try:
                result = effect()
            except KafkaError as refused:
                error = refused
            self.note(process.name, step, "" if error is None else type(error).__name__)
            self.hook(step, "applied", process)
            loop.call_later(self._travel(), process.do, lambda: hear(result, error))

        def hear(result: object, error: KafkaError | None) -> None:
            self.hook(step, "heard", process)
            if process.frozen:
                process.do(lambda: hear(result, error))
            elif process.alive and not answer.done():
                if error is None:
                    answer.set_result(result)
                else:
                    answer.set_exception(error)

        process.do(depart)
        return answer

    def restart(self, seconds: float) -> None:
        """Be away for a while."""
        if self._down:
            return
        self._down = True
        self.note("broker", "goes down")
        self.loop.call_later(seconds, self._come_back)

    def _come_back(self) -> None:
        self._down = False
        self.note("broker", "is back")
        stopped, self._stopped = self._stopped, []
        for line in stopped:
            self._answer(line)

    def _travel(self) -> float:
        network = self.network
        return network.fastest + (network.slowest - network.fastest) * self.random.random() ** 3

    def _arrive(self, line: Line, request: Callable[[], None]) -> None:
        line.waiting.append(request)
        if len(line.waiting) == 1:
            self._answer(line)

    def _answer(self, line: Line) -> None:
        """Carry out what has arrived on a line; what comes too early holds up the rest."""
        if self._down:
            self._stopped.append(line)
            return
        while line.waiting:
            try:
                line.waiting[0]()
            except NotYet as again:
                self._repeat(lambda: self._answer(line), again)
                return
            line.waiting.popleft()

    def _repeat(self, answer: Callable[[], object], again: NotYet) -> None:
        done = False

        def once() -> None:
            nonlocal done
            if not done:
                done = True
                timer.cancel()
                answer()

        timer = self.loop.call_later(again.after, once)
        for log in again.logs:
            log.waiting.append(lambda: self.loop.call_soon(once))

    # ── transactions ─────────────────────────────────────────────────────────────────────

    def start(self, name: str) -> int:
        """Fence older producers of a transactional id; return the new epoch."""
        known = self._ids.setdefault(name, _Id())
        if known.unmarked:
            raise NotYet
        if known.open is not None:
            self._abort(known)
        known.epoch += 1
        return known.epoch

    def append(
        self, name: str, epoch: int, records: list[tuple[TopicPartition, Record]], notes: object
    ) -> list[ConsumerRecord]:
        """Append records in the transaction that is open, or opens by it."""
        transaction = self._transaction(name, epoch, notes)
        now = self.loop.time()
        return [self.logs[tp].append(record, now, transaction) for tp, record in records]

    def append_at_once(self, records: list[tuple[TopicPartition, Record]]) -> list[ConsumerRecord]:
        """Append records outside of any transaction."""
        now = self.loop.time()
        return [self.logs[tp].append(record, now) for tp, record in records]

    def add_offsets(
        self, name: str, epoch: int, offsets: dict[TopicPartition, int], notes: object
    ) -> None:
        """Let the group have consumed up to `offsets` with the transaction."""
        self._transaction(name, epoch, notes).offsets.update(offsets)

    def commit(self, name: str, epoch: int) -> None:
        """Commit what is open."""
        known = self._fenced(name, epoch)
        transaction, known.open = known.open, None
        if transaction is None:
            return
        transaction.state, transaction.ended = "committed", self.loop.time()
        self.history.append(transaction)
        known.unmarked = len(transaction.logs) + 1
        for log in transaction.logs.values():
            self._at_last(known, partial(self._mark, log, transaction))
        self._at_last(known, partial(self.group.update, transaction.offsets))

    def abort(self, name: str, epoch: int) -> None:
        """Abort what is open."""
        self._abort(self._fenced(name, epoch))

    def place(self, topic: str, key: bytes | None, partition: int | None) -> TopicPartition:
        """Return where a producer puts a record."""
        count = self._partitions[topic]
        if partition is None:
            partition = (
                self.random.randrange(count) if key is None else (murmur2(key) & 0x7FFFFFFF) % count
            )
        return TopicPartition(topic, partition)

    def _mark(self, log: Log, transaction: Transaction) -> None:
        log.mark(transaction, self.loop.time())

    def _at_last(self, known: _Id, marked: Callable[[], object]) -> None:
        """Let a marker arrive: at once, or after its own delay."""

        def arrive() -> None:
            known.unmarked -= 1
            marked()

        if self.network.markers:
            self.loop.call_later(self.network.markers * self.random.random(), arrive)
        else:
            arrive()

    def _fenced(self, name: str, epoch: int) -> _Id:
        known = self._ids[name]
        if known.epoch != epoch:
            raise ProducerFenced
        return known

    def _transaction(self, name: str, epoch: int, notes: object) -> Transaction:
        known = self._fenced(name, epoch)
        if known.unmarked:
            raise NotYet
        if known.open is None:
            known.open = opened = Transaction(name, notes, began=self.loop.time())
            self.loop.call_later(self.network.transaction_timeout, self._expire, known, opened)
        return known.open

    def _expire(self, known: _Id, transaction: Transaction) -> None:
        if known.open is transaction:
            self.note("broker", "times a transaction out", transaction.name)
            self._abort(known)
            known.epoch += 1

    def _abort(self, known: _Id) -> None:
        transaction, known.open = known.open, None
        if transaction is not None:
            transaction.state, transaction.ended = "aborted", self.loop.time()
            for log in transaction.logs.values():
                log.mark(transaction, self.loop.time())


@dataclass(slots=True)
class Line:
    """A connection: what is sent on it arrives in order."""

    process: Process
    busy: float = 0.0
    waiting: deque[Callable[[], None]] = field(default_factory=deque)
