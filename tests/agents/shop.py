"""A partition with its topics, two turns to commit, and what becomes of them, told from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from confluent_kafka import Consumer, TopicPartition

from journeystream.agents.changelog import PARTITION_KEY, USER_KEY, Ledger
from journeystream.agents.cluster import KafkaCluster
from journeystream.broker_access import BrokerAccess
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.store import Change, Store, change_of, removal_of
from journeystream.user import Derived, Hold, Instance, Passes, Position, User
from tests.brokers.clients import SECONDS, client, fresh, new_topic, read
from tests.state.store_contract import FOREVER, standing, waiting

JOURNEYS = ("j", "j0", "k")
Visible = tuple[bytes | None, bytes | None, object]


@dataclass(frozen=True)
class Turn:
    """What one turn commits: records out, who is how now or gone, and the next source offset."""

    outputs: Sequence[OutRecord]
    users: Sequence[User]
    clock: int
    position: int
    gone: Sequence[str] = ()


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

    @property
    def cluster(self) -> KafkaCluster:
        """The broker, as a worker has it."""
        return KafkaCluster(BrokerAccess(self.bootstrap))

    def first(self) -> Turn:
        """Return the turn that was committed before."""
        hold = Hold("sent", 1, ["email"])
        resting = Instance("k", 1, 1, 5, {"n": 1}, [Position(None, 5, hold)], {"sent": 1})
        u5 = User(
            "u5", passes={"j": Passes(1, wake=60)}, instances=standing("", ("j", "s1")).instances
        )
        users = [waiting("u1", 100), standing("u2", ("j", "s1")), User("u4", instances=[resting])]
        users.append(u5)
        return Turn([OutRecord(self.email, b"u4", b"entered")], users, clock=50, position=3)

    def second(self) -> Turn:
        """Return the turn that is cut off: everything moves, someone is new, someone is erased."""
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
        return Turn(outputs, users, clock=90, position=9, gone=["u5"])

    def sent(self) -> list[Visible]:
        """Return everything that is visible in the output topics."""
        return [
            (each.key(), each.value(), each.headers())
            for topic in (self.email, self.members)
            for each in read(self.bootstrap, topic)
        ]

    def logged(self) -> list[bytes]:
        """Return the keys of everything that is visible in the changelog."""
        return [each.key() or b"" for each in read(self.bootstrap, self.ledger.changelog)]

    def position(self) -> int:
        """Return the group's offset in the source, once no transaction on it is pending."""
        consumer = Consumer(client(self.bootstrap, group_id=self.ledger.group))
        try:
            asked = [TopicPartition(self.source, self.number)]
            return int(consumer.committed(asked, timeout=SECONDS)[0].offset)
        finally:
            consumer.close()


def visible(*turns: Turn) -> list[Visible]:
    """Return what readers of the output topics see of these turns."""
    outputs = [record for turn in turns for record in turn.outputs]
    members = [record for record in outputs if record.value is None]
    return [
        (each.key, each.value, list(each.headers) or None)
        for each in [*(record for record in outputs if record not in members), *members]
    ]


def logged(*turns: Turn) -> list[bytes]:
    """Return the keys that the changelog has of these turns: its users, then the partition."""
    return [
        key
        for turn in turns
        for key in (
            *(USER_KEY + user.id.encode() for user in turn.users),
            *(USER_KEY + id_.encode() for id_ in turn.gone),
            PARTITION_KEY,
        )
    ]


def state_after(shop: Shop, turn: Turn) -> PartitionState:
    """Return where the partition stands after a turn."""
    return PartitionState(
        turn.clock, {shop.source: turn.position}, {("j", 1): turn.clock - 1}, {"web/1": turn.clock}
    )


def changes_by(store: Store, users: Sequence[User], gone: Sequence[str] = ()) -> list[Change]:
    """Return the changes that make these the stored records, and leave nothing of who is gone."""
    known = store.load([*(user.id for user in users), *gone])
    before = {id_: user.derived() for id_, user in known.items()}
    return [
        *(change_of(user, before.get(user.id, Derived())) for user in users),
        *(removal_of(id_, before.get(id_, Derived())) for id_ in gone),
    ]


def contents(store: Store, journeys: Sequence[str] = JOURNEYS) -> dict[str, object]:
    """Return all that a store tells, but for how far it has read its own changelog."""
    users = store.load(list(store.users()))
    return {
        "users": {id_: encode_user(user) for id_, user in users.items()},
        "due": store.due(FOREVER),
        "members": {journey: store.members(journey, 99) for journey in journeys},
        "partition": replace(store.partition(), changelog=0),
    }


def expected(shop: Shop, *turns: Turn) -> dict[str, object]:
    """Return the contents of a store in which these turns are, without Kafka."""
    store = MemoryStore()
    for turn in turns:
        store.save(changes_by(store, turn.users, turn.gone), state_after(shop, turn))
    return contents(store)
