"""Users as they are now, read from the changelog: the state as committed.

That disturbs no worker. It reads every record: fit for a demo, for audits and for a list, not
for a dashboard. What was written without a transaction counts by its stamp (changelog.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import orjson
from aiokafka import TopicPartition

from journeystream.agents.changelog import PARTITION_KEY, USER_KEY, ChangelogMerge
from journeystream.agents.cluster import KafkaCluster
from journeystream.agents.home import home_of
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.errors import OperatorError
from journeystream.state.codec import PartitionState, decode_partition, decode_user
from journeystream.topics import partitions_of
from journeystream.user import User

_WAIT_MS = 500
_PATIENCE_SECONDS = 90.0  # longer than Kafka waits for a transaction whose producer has died

Tell = Callable[[int, int], None]
"""Hears how many of how many records are read."""


@dataclass(frozen=True, slots=True)
class StateNow:
    """What partitions hold: the last record of each user who is known, and where each stands.

    A partition that nothing was applied in has none of its own.
    """

    count: int
    users: Mapping[str, bytes]
    partitions: Mapping[int, PartitionState]

    def partition_of(self, user_id: str) -> PartitionState:
        """Return where the user's partition stands."""
        home = home_of(user_id.encode(), self.count)
        return self.partitions.get(home, PartitionState())

    def everyone(self) -> Iterator[User]:
        """Yield all users; an id that turned out to be another user is none."""
        for id_, record in self.users.items():
            user = decode_user(id_, record)
            if not user.became:
                yield user

    def user(self, user_id: str) -> User | None:
        """Return a user; None: nobody knows them."""
        record = self.users.get(user_id)
        return None if record is None else decode_user(user_id, record)


async def state_now(
    changelog: str, bootstrap: BrokerAccess, user_id: str | None = None, tell: Tell | None = None
) -> StateNow:
    """Return everyone's state up to the present end; with `user_id` it reads one partition only."""
    count = (await partitions_of([changelog], bootstrap))[changelog]
    only = None if user_id is None else home_of(user_id.encode(), count)
    users: dict[str, bytes] = {}
    partitions: dict[int, PartitionState] = {}
    async with aclosing(_records_now(changelog, bootstrap, only, tell)) as records:
        async for number, key, record in records:
            if key == PARTITION_KEY:
                partitions[number] = decode_partition(record or b"")
            elif user_id is None or key == USER_KEY + user_id.encode():
                named = key[len(USER_KEY) :].decode()
                if record is None:
                    users.pop(named, None)
                else:
                    users[named] = record
    return StateNow(count, users, partitions)


async def users_now(
    changelog: str, bootstrap: BrokerAccess, tell: Tell | None = None
) -> AsyncGenerator[tuple[str, bytes | None], None]:
    """Yield (user id, record) up to the present end; a user's last one counts, None: erased."""
    async with aclosing(_records_now(changelog, bootstrap, None, tell)) as records:
        async for _, key, record in records:
            if key.startswith(USER_KEY):
                yield key[len(USER_KEY) :].decode(), record


async def _records_now(
    changelog: str, bootstrap: BrokerAccess, only: int | None, tell: Tell | None
) -> AsyncGenerator[tuple[int, bytes, bytes | None], None]:
    """Yield (partition, key, value) of what counts, of all partitions or of one."""
    count = (await partitions_of([changelog], bootstrap))[changelog]
    numbers = range(count) if only is None else (only,)
    tps = [TopicPartition(changelog, number) for number in numbers]
    merges = {tp: ChangelogMerge(PartitionState()) for tp in tps}
    cluster = KafkaCluster(bootstrap)
    consumer = cluster.consumer()
    await consumer.start()
    try:
        begins, ends = await consumer.beginning_offsets(tps), await _written(cluster, tps)
        first, last = sum(begins.values()), sum(ends.values())
        consumer.assign(tps)
        for tp, begin in begins.items():
            consumer.seek(tp, begin)
        patience = _Patience(changelog)
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for tp, records in (await consumer.getmany(timeout_ms=_WAIT_MS)).items():
                for key, record in merges[tp].counting(records).items():
                    yield tp.partition, key, record
            read = sum([await consumer.position(tp) for tp in tps])
            patience.look(read)
            if tell is not None:
                tell(read - first, last - first)
    finally:
        await consumer.stop()


async def _written(
    cluster: KafkaCluster, tps: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return where partitions end, behind what is being committed.

    The workers' group may know of a turn already whose records can not be read for a moment yet.
    """
    consumer = cluster.consumer(committed=False)
    await consumer.start()
    try:
        return await consumer.end_offsets(tps)
    finally:
        await consumer.stop()


class _Patience:
    """Bounds the wait for a transaction that nobody ends."""

    def __init__(self, changelog: str) -> None:
        self._changelog = changelog
        self._clock = WallClock()
        self._read = -1
        self._since = self._clock.elapsed()

    def look(self, read: int) -> None:
        """Hear how much is read; OperatorError when that stays the same for too long."""
        now = self._clock.elapsed()
        if read != self._read:
            self._read, self._since = read, now
        elif now - self._since > _PATIENCE_SECONDS:
            raise OperatorError(
                f"topic {self._changelog!r}: a transaction in it stays open, though the worker may "
                f"have died that began it; start a worker (journeystream run), then try again"
            )


async def members_now(
    list_: str, changelog: str, bootstrap: BrokerAccess, tell: Tell | None = None
) -> dict[str, int]:
    """Return who is on a list (a static audience), and the instant since when."""
    members: dict[str, int] = {}
    written = orjson.dumps(list_)  # as in a record
    async with aclosing(users_now(changelog, bootstrap, tell)) as users:
        async for user_id, record in users:
            since = None
            # Most are on no list: to look for its name is cheaper than to read a record.
            if record is not None and written in record:
                since = decode_user(user_id, record).lists.get(list_)
            if since is None:
                members.pop(user_id, None)
            else:
                members[user_id] = since
    return dict(sorted(members.items()))
