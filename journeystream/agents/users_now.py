"""Users as they are now, read from the changelog: the state as committed.

That disturbs no worker. It reads every record: fit for a demo, for audits and for a list, not
for a dashboard. What was written without a transaction counts by its stamp (changelog.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from journeystream.agents.changelog import USER_KEY, ChangelogMerge
from journeystream.state.codec import PartitionState, decode_user
from journeystream.topics import partitions_of

_WAIT_MS = 500

Tell = Callable[[int, int], None]
"""Hears how many of how many records are read."""


async def users_now(
    changelog: str, bootstrap: str, tell: Tell | None = None
) -> AsyncGenerator[tuple[str, bytes | None], None]:
    """Yield (user id, record) up to the present end; a user's last one counts, None: erased."""
    count = (await partitions_of([changelog], bootstrap))[changelog]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        tps = [TopicPartition(changelog, number) for number in range(count)]
        consumer.assign(tps)
        begins = sum((await consumer.beginning_offsets(tps)).values())
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        merges = {tp: ChangelogMerge(PartitionState()) for tp in tps}
        total = sum(ends.values())
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for tp, records in (await consumer.getmany(timeout_ms=_WAIT_MS)).items():
                for key, record in merges[tp].counting(records).items():
                    if key.startswith(USER_KEY):
                        yield key[len(USER_KEY) :].decode(), record
            if tell is not None:
                read = sum([await consumer.position(tp) for tp in tps])
                tell(read - begins, total - begins)
    finally:
        await consumer.stop()


async def members_now(
    list_: str, changelog: str, bootstrap: str, tell: Tell | None = None
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
