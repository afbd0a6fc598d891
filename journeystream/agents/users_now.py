"""Users as they are now, read from the changelog: the state as committed.

That disturbs no worker. It reads every record: fit for a demo, for audits and for a list, not
for a dashboard. What was written without a transaction counts by its stamp (changelog.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import orjson
from aiokafka import TopicPartition

from journeystream.agents.changelog import USER_KEY, ChangelogMerge
from journeystream.agents.cluster import KafkaCluster
from journeystream.broker_access import BrokerAccess
from journeystream.clock import WallClock
from journeystream.errors import OperatorError
from journeystream.state.codec import PartitionState, decode_user
from journeystream.topics import partitions_of

_WAIT_MS = 500
_PATIENCE_SECONDS = 90.0  # longer than Kafka waits for a transaction whose producer has died

Tell = Callable[[int, int], None]
"""Hears how many of how many records are read."""


async def users_now(
    changelog: str, bootstrap: BrokerAccess, tell: Tell | None = None
) -> AsyncGenerator[tuple[str, bytes | None], None]:
    """Yield (user id, record) up to the present end; a user's last one counts, None: erased."""
    count = (await partitions_of([changelog], bootstrap))[changelog]
    tps = [TopicPartition(changelog, number) for number in range(count)]
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
                    if key.startswith(USER_KEY):
                        yield key[len(USER_KEY) :].decode(), record
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
