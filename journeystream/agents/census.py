"""Counting a project's users by where they are, from the changelog alone.

The changelog is the state as committed, so the count disturbs no worker. It reads every
record: fit for a demo and for audits, not for a dashboard.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from journeystream.agents.changelog import USER_KEY
from journeystream.state.codec import decode_user
from journeystream.topics import partitions_of
from journeystream.user import User

_WAIT_MS = 500


@dataclass(slots=True)
class JourneyCount:
    """One journey's users: passes begun, where those in flight stand, exits by reason."""

    entered: int = 0
    inside: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Census:
    """All journeys' counts by id, and how many users are known."""

    users: int = 0
    journeys: dict[str, JourneyCount] = field(default_factory=dict)

    def count(self, user: User) -> None:
        """Add one user."""
        self.users += 1
        for id_, passes in user.passes.items():
            journey = self.journeys.setdefault(id_, JourneyCount())
            journey.entered += passes.entered
            journey.exits.update(passes.exits)
        for instance in user.instances:
            self.journeys[instance.journey].inside += 1
        for id_, step in user.derived().places:
            self.journeys[id_].steps[step] += 1


async def take_census(changelog: str, bootstrap: str) -> Census:
    """Read the changelog to its end and count the last record of every user."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        count = (await partitions_of([changelog], bootstrap))[changelog]
        tps = [TopicPartition(changelog, number) for number in range(count)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        latest: dict[bytes, bytes] = {}
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
                latest.update((record.key, record.value) for record in records)
    finally:
        await consumer.stop()
    census = Census()
    for key, record in latest.items():
        if key.startswith(USER_KEY):
            census.count(decode_user(key[len(USER_KEY) :].decode(), record))
    return census
