"""The commit's six steps, each cut off as by a crash; read back with a client that is not ours.

A crash is an exception inside a step that nothing handles: what the step had sent is sent, the
transaction stays open, and the producer goes on living as a zombie while another owner comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer, Message, TopicPartition

from journeystream.agents.commit import PARTITION_KEY, USER_KEY, Committer, Ledger
from journeystream.agents.recovery import restore
from journeystream.errors import BrokerUnreachable, StateError
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.rocksdb import RocksStore
from journeystream.state.store import Change, Store, change_of
from journeystream.user import Derived, Hold, Instance, Passes, Position, User
from tests.brokers.clients import SECONDS, client, fresh, new_topic, read
from tests.state.store_contract import FOREVER, standing, waiting

BEFORE_5 = ("1", "2", "3 users", "3 partition", "4", "5")
FROM_5 = ("5 answer", "6")
STORES = ("memory", "rocks")
JOURNEYS = ("j", "j0", "k")


class CrashError(Exception):
    """The process ends here."""


@dataclass(frozen=True)
class Turn:
    """What one turn commits: records out, who is how now, and the next source offset."""

    outputs: Sequence[OutRecord]
    users: Sequence[User]
    clock: int
    position: int


@dataclass
class Shop:
    """One partition's topics and what is read in them."""

    bootstrap: str
    partitions: int = 1
    number: int = 0
    source: str = field(init=False)
    email: str = field(init=False)
    members: str = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        compacted = {"cleanup.policy": "compact"}
        self.source, self.email = (new_topic(self.bootstrap, self.partitions) for _ in range(2))
        self.members = new_topic(self.bootstrap, self.partitions, compacted)
        changelog = new_topic(self.bootstrap, self.partitions, compacted)
        self.ledger = Ledger(self.number, changelog, fresh("group"))

    def first(self) -> Turn:
        """Return the turn that was committed before."""
        hold = Hold("sent", 1, ["email"])
        resting = Instance("k", 1, 1, 5, {"n": 1}, [Position(None, 5, hold)], {"sent": 1})
        users = [waiting("u1", 100), standing("u2", ("j", "s1")), User("u4", instances=[resting])]
        return Turn([OutRecord(self.email, b"u4", b"entered")], users, clock=50, position=3)

    def second(self) -> Turn:
        """Return the turn that is cut off: everything moves, and someone is new."""
        outputs = [
            OutRecord(self.email, b"u4", b"exited"),
            OutRecord(self.members, b"k/u4", None, headers=[("reason", b"moved_on")]),
            OutRecord(self.email, None, b"a mark", self.number, timestamp_ms=1_700_000_000_000),
            OutRecord(self.email, b"\xff", b"a letter"),
        ]
        users = [
            waiting("u1", 200, 300),
            standing("u2", ("j", "s2"), ("k", "s1")),
            User(
                "用户/3", traits={"plan": ["pro", {"é": None}]}, passes={"j0": Passes(1, wake=-7)}
            ),
            User("u4", passes={"k": Passes(1, entered=1, exits={"completed": 1})}),
        ]
        return Turn(outputs, users, clock=90, position=9)

    def owner(self, store: Store) -> Committer:
        """Return a committer of the partition; who starts one owns it."""
        return Committer(self.ledger, self.bootstrap, store)

    def sent(self) -> list[tuple[object, ...]]:
        """Return everything that is visible in the output topics, in the order of each."""
        return [
            (each.key(), each.value(), each.headers(), each.partition())
            for topic in (self.email, self.members)
            for each in read(self.bootstrap, topic)
        ]

    def logged(self) -> list[Message]:
        """Return everything that is visible in the changelog."""
        return read(self.bootstrap, self.ledger.changelog)

    def position(self) -> int:
        """Return the group's offset in the source, once no transaction on it is pending."""
        consumer = Consumer(client(self.bootstrap, group_id=self.ledger.group))
        try:
            asked = [TopicPartition(self.source, self.ledger.partition)]
            return int(consumer.committed(asked, timeout=SECONDS)[0].offset)
        finally:
            consumer.close()


async def commit(committer: Committer, shop: Shop, store: Store, turn: Turn) -> None:
    """Commit a turn as a partition does: on top of what the store has."""
    state = deepcopy(store.partition())
    state.clock = turn.clock
    state.positions[shop.source] = turn.position
    state.floors["j", 1] = turn.clock - 1
    changes = _changes(store, turn.users)
    await committer.commit(turn.outputs, changes, state, {shop.source: turn.position})


def _changes(store: Store, users: Sequence[User]) -> list[Change]:
    known = store.load([user.id for user in users])
    return [
        change_of(user, known[user.id].derived() if user.id in known else Derived())
        for user in users
    ]


def contents(store: Store) -> tuple[object, ...]:
    """Return all that a store tells, but for how far it has read its own changelog."""
    users = store.load(list(store.users()))
    return (
        {id_: encode_user(user) for id_, user in users.items()},
        store.due(FOREVER),
        store.next_wake(),
        {journey: store.members(journey, 99) for journey in JOURNEYS},
        replace(store.partition(), changelog=0),
    )


def expected(shop: Shop, *turns: Turn) -> tuple[object, ...]:
    """Return the contents of a store in which these turns are, without Kafka."""
    store = MemoryStore()
    for turn in turns:
        partition = PartitionState(
            turn.clock, {shop.source: turn.position}, {("j", 1): turn.clock - 1}
        )
        store.save(_changes(store, turn.users), partition)
    return contents(store)


@asynccontextmanager
async def owned(shop: Shop, store: Store) -> AsyncIterator[Committer]:
    """Own the partition with a restored store."""
    committer = shop.owner(store)
    try:
        await committer.start()
        await restore(store, shop.ledger, shop.bootstrap)
        yield committer
    finally:
        await committer.stop()


def crash_in(step: str, committer: Committer, store: Store, patch: pytest.MonkeyPatch) -> None:
    """Let the committer end in a step; what a step does before that is done."""
    producer: Any = committer._producer
    send: Callable[..., Awaitable[object]] = producer.send
    answered: Callable[[], Awaitable[None]] = producer.commit_transaction
    sent: list[bytes | None] = []

    async def crash(*_: object, **__: object) -> None:
        raise CrashError(step)

    async def send_until(topic: str, **record: Any) -> object:  # noqa: ANN401  aiokafka's
        key: bytes | None = record["key"]
        sent.append(key)
        in_log = topic.startswith("topic") and key is not None and len(sent) > 4
        if (
            (step == "2" and len(sent) == 3)
            or (step == "3 users" and in_log and len(sent) == 6)
            or (step == "3 partition" and key == PARTITION_KEY)
        ):
            raise CrashError(step)
        return await send(topic, **record)

    async def commit_unheard() -> None:
        await answered()
        raise CrashError(step)

    def save(*_: object) -> None:
        raise CrashError(step)

    if step == "6":
        patch.setattr(store, "save", save)
        return
    name, instead = {
        "1": ("begin_transaction", crash),
        "4": ("send_offsets_to_transaction", crash),
        "5": ("commit_transaction", crash),
        "5 answer": ("commit_transaction", commit_unheard),
    }.get(step, ("send", send_until))
    patch.setattr(producer, name, instead)
