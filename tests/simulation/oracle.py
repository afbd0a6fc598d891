"""What must have come out, told from the logs alone.

Laws, for each partition:

1. Every committed transaction is one turn of the pure engine on top of those before it: the
   records from where the last one ended to its offsets, or time alone. Its outputs, its users
   and its position are exactly that turn's. So nothing is lost, doubled, or by a zombie.
2. Time alone moves the clock only to an instant that the worker's clock really showed, before
   the transaction began, and at which everything readable was applied already. So no timer
   fires early, none overtakes an event.
3. What was published before an event was produced is known in that event's turn.
4. The last owner's store, and what the changelog makes of nothing, are what the turns made.
5. Where the log is the only order (`Plan.strict`), the whole log in one piece has the same
   outputs per key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2
from aiokafka.structs import ConsumerRecord

from journeystream.agents.batch import Batch
from journeystream.agents.changelog import PARTITION_KEY, USER_KEY
from journeystream.agents.surroundings import Surroundings
from journeystream.durations import MICROS
from journeystream.engine import Rules
from journeystream.events import Archived, ClockMark
from journeystream.journeys import Floors
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, decode_partition
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.turn import Turn, sweep, take_turn
from tests.batches import batch_of
from tests.simulation.disk import contents
from tests.simulation.journeys import BASE
from tests.simulation.log import Log, Transaction
from tests.simulation.plan import Plan
from tests.simulation.worker import CHANGELOG, REKEYED, Notes, SimulatedClock

Said = tuple[str, bytes | None, bytes | None]
_ROUNDING = 2e-6  # seconds: instants are whole microseconds


class Difference(AssertionError):
    """The world is not as the laws demand."""


@dataclass
class Evidence:
    """What the world left behind."""

    plan: Plan
    logs: dict[TopicPartition, Log]
    history: list[Transaction]
    edits: list[tuple[float, str, str]]


@dataclass
class Retelling:
    """One partition's committed transactions, told again by the engine."""

    number: int
    evidence: Evidence
    around: Surroundings
    store: MemoryStore = field(default_factory=MemoryStore)
    state: PartitionState = field(default_factory=PartitionState)
    applied: set[bytes] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        self._events = sorted(self._readable(), key=lambda each: each[0])

    def tell(self, transaction: Transaction) -> None:
        """Check one transaction."""
        self.turns += 1
        notes = cast("Notes", transaction.notes)
        logged = [each for each in transaction.records if each.topic == CHANGELOG]
        said = [each for each in transaction.records if each.topic != CHANGELOG]
        if not logged or logged[-1].key != PARTITION_KEY:
            self._differ(transaction, "has no position")
        position = decode_partition(logged[-1].value)
        rules = Rules(notes.journeys, Floors(position.floors), self.around.memory)
        turn, outputs = self._turn(transaction, notes, rules, position)
        wanted = [_spoken(each) for each in outputs]
        found = [(each.topic, each.key, each.value) for each in said]
        if _by_topic(wanted) != _by_topic(found):
            self._differ(transaction, f"said {found} instead of {wanted}")
        changes = changes_of(turn)
        users = [(USER_KEY + each.user_id.encode(), each.record) for each in changes]
        if users != [(each.key, each.value) for each in logged[:-1]]:
            self._differ(transaction, "logged other users than its turn changed")
        self.state.clock, self.state.floors = turn.clock, position.floors
        position.changelog = self.state.changelog = 0
        if self.state.rejections != position.rejections:
            self.state.rejections = position.rejections  # its own tests look at these
        if self.state != position:
            self._differ(transaction, f"stands at {position} instead of {self.state}")
        self.store.save(changes, self.state)
        self.said += found

    def _turn(
        self, transaction: Transaction, notes: Notes, rules: Rules, position: PartitionState
    ) -> tuple[Turn, list[OutRecord]]:
        routing = self.around.routing
        if transaction.offsets:
            return self._batch(transaction, notes, rules)
        if position.positions != self.state.positions:
            self._differ(transaction, "moved without offsets")
        for journey in sorted(notes.journeys.archived):
            if members := self.store.members(journey, 1_000):
                clock = self.state.clock
                leaving = [Archived(each, clock, journey) for each in members]
                turn = sweep(leaving, clock, self.store, rules)
                return turn, list(routing.records(turn.effects))
        if position.clock > self.state.clock:
            self._look_at_time(transaction, notes.clock, position.clock)
        turn = take_turn((), self.state.clock, self.store, rules, until=position.clock)
        if not turn.changed:
            self._differ(transaction, "had no reason")
        return turn, list(routing.records(turn.effects))

    def _batch(
        self, transaction: Transaction, notes: Notes, rules: Rules
    ) -> tuple[Turn, list[OutRecord]]:
        ((tp, end),) = transaction.offsets.items()
        log, begin = self.evidence.logs[tp], self.state.positions.get(tp.topic, 0)
        if end < begin:
            self._differ(transaction, f"goes back in {tp} from {begin} to {end}")
        records = log.committed(begin, end)
        self._look_at_edits(transaction, notes, log, records)
        sorter = self.around.sorters[tp.topic]
        batch = Batch(tp.topic, tp.partition, records, begin, end)
        intake = sorter.sort(batch, notes.latest if self.evidence.plan.live else None)
        frontier, state = self.around.frontier, self.state
        if frontier.moves(tp.topic):
            turn = take_turn(intake.entries, state.clock, self.store, rules)
        else:
            frontier.observe(state.fronts, tp.topic, intake.entries)
            events = [None if isinstance(entry, ClockMark) else entry for entry in intake.entries]
            until = max(frontier.reached(state.fronts), state.clock)
            turn = take_turn(events, state.clock, self.store, rules, moves_clock=False, until=until)
        state.positions[tp.topic] = end
        self.applied.update(
            record.value
            for record, entry in zip(records, intake.entries, strict=True)
            if entry is not None
        )
        outputs = [
            *self.around.routing.records(turn.effects), *intake.rekeyed, *intake.letters,
            *sorter.failed(turn.failures, batch),
        ]  # fmt: skip
        return turn, outputs

    # ── time, and what is published ──────────────────────────────────────────────────────

    def _look_at_time(self, transaction: Transaction, clock: SimulatedClock, until: int) -> None:
        """Find a moment at which the worker's clock showed `until` and nothing was waiting."""
        if not self.evidence.plan.live:
            self._differ(transaction, "let time pass in a replay")
        spans = zip(clock.jumps, [*clock.jumps[1:], (transaction.began, 0)], strict=True)
        for (since, wrong), (end, _) in spans:
            moment = (until - BASE - wrong) / MICROS
            if since - _ROUNDING <= moment <= end + _ROUNDING and not self._waiting(moment):
                return
        moment = (until - BASE - clock.jumps[0][1]) / MICROS
        self._differ(
            transaction,
            f"moved the clock to {moment:.6f} s, with {self._waiting(moment)} not applied",
        )

    def _waiting(self, moment: float) -> list[bytes]:
        return [
            value
            for seen_at, value in self._events
            if seen_at < moment - _ROUNDING and value not in self.applied
        ]

    def _readable(self) -> Iterable[tuple[float, bytes]]:
        """Yield the events that belong here, and since when they could be read."""
        partitions = self.evidence.plan.partitions
        for topic, keyed in self.evidence.plan.sources.items():
            for number in range(partitions):
                for since, record in self.evidence.logs[TopicPartition(topic, number)].readable():
                    event = self.around.sorters[REKEYED].sort(batch_of(record)).entries[0]
                    if event is None or isinstance(event, ClockMark):
                        continue
                    home = (murmur2(event.user_id.encode()) & 0x7FFFFFFF) % partitions
                    if self.number == (number if keyed else home):
                        yield since, record.value

    def _look_at_edits(
        self, transaction: Transaction, notes: Notes, log: Log, records: Sequence[ConsumerRecord]
    ) -> None:
        newest = max((log.archive[record.offset].at for record in records), default=-1.0)
        for at, what, journey in self.evidence.edits:
            known = (
                journey in notes.journeys.archived
                if what == "archived"
                else (journey, 1) in notes.journeys.versions
            )
            if at < newest and not known:
                self._differ(transaction, f"did not know that {journey} was {what}")

    def _differ(self, transaction: Transaction, how: str) -> None:
        raise Difference(
            f"partition {self.number}, turn {self.turns}, committed at {transaction.ended:.6f} s "
            f"by {transaction.name}: {how}"
        )


def retell(evidence: Evidence, around: Surroundings) -> dict[int, Retelling]:
    """Check all committed transactions (laws 1 to 3)."""
    told = {n: Retelling(n, evidence, around) for n in range(evidence.plan.partitions)}
    for transaction in evidence.history:
        numbers = {each.partition for each in transaction.records if each.topic == CHANGELOG}
        for number in numbers:
            told[number].tell(transaction)
    return told


def compare_stores(told: Retelling, kept: MemoryStore, rebuilt: MemoryStore) -> None:
    """Check law 4."""
    wanted = contents(told.store)
    for what, store in (("the last owner's store", kept), ("what the changelog makes", rebuilt)):
        if contents(store) != wanted:
            found = [
                pair for pair in zip(contents(store), wanted, strict=True) if pair[0] != pair[1]
            ]
            raise Difference(f"partition {told.number}: {what} differs from its turns: {found[0]}")


def compare_in_one_piece(told: Retelling, rules: Rules) -> None:
    """Check law 5."""
    ((topic, _),) = told.evidence.plan.sources.items()
    log = told.evidence.logs[TopicPartition(topic, told.number)]
    batch = Batch(topic, told.number, log.committed(0, log.end), 0, log.end)
    intake = told.around.sorters[topic].sort(batch)
    turn = take_turn(
        intake.entries, PartitionState().clock, MemoryStore(), rules, until=told.state.clock
    )
    outputs = [*told.around.routing.records(turn.effects), *intake.letters]
    wanted, found = _by_key(map(_spoken, outputs)), _by_key(told.said)
    if wanted != found:
        differing = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
        key = differing[0]
        raise Difference(
            f"partition {told.number}, {key}: {found.get(key)} instead of {wanted.get(key)} in "
            f"one piece"
        )


def _spoken(record: OutRecord) -> Said:
    return record.topic, record.key, record.value


def _by_topic(said: Iterable[Said]) -> dict[str, list[Said]]:
    grouped: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        grouped[each[0]].append(each)
    return grouped


def _by_key(said: Iterable[Said]) -> dict[tuple[str, bytes | None], list[bytes | None]]:
    grouped: dict[tuple[str, bytes | None], list[bytes | None]] = defaultdict(list)
    for topic, key, value in said:
        grouped[topic, key].append(value)
    return grouped
