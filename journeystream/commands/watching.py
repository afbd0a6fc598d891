"""Watching a project at work from outside: how far its workers are, and what came out.

Reads committed offsets and output topics as anyone may; disturbs no worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import orjson
from aiokafka import TopicPartition

from journeystream.broker_access import BrokerAccess
from journeystream.project import EventDestination, Project
from journeystream.topics import partitions_of

_WAIT_MS = 200


@dataclass(slots=True)
class Tally:
    """What a destination got: Entered and Exited, or adds and removes with members now."""

    entered: int = 0
    exited: int = 0
    members: Counter[str] = field(default_factory=Counter)


class Watch:
    """Follows a project's progress and outputs; `async with` it."""

    def __init__(self, project: Project, bootstrap: BrokerAccess) -> None:
        self._project = project
        self._bootstrap = bootstrap
        self._events = {
            each.topic for each in project.destinations if isinstance(each, EventDestination)
        }
        self.tallies = {each.topic: Tally() for each in project.destinations}

    async def __aenter__(self) -> Self:
        self._outputs = self._bootstrap.consumer(
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        # A group id without a subscription: it joins nothing, but may ask for offsets.
        self._group = self._bootstrap.consumer(
            group_id=self._project.app,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        await self._outputs.start()
        await self._group.start()
        self._written = await self._partitions(self.tallies)
        self._read = await self._partitions(self._project.topics_read)
        self._outputs.assign(self._written)
        await self._outputs.seek_to_beginning(*self._written)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._outputs.stop()
        await self._group.stop()

    async def progress(self) -> tuple[int, int]:
        """Return how many source records are applied and committed, and how many there are."""
        ends = await self._group.end_offsets(self._read)
        applied = [min(await self._group.committed(tp) or 0, ends[tp]) for tp in self._read]
        return sum(applied), sum(ends.values())

    async def count_outputs(self) -> bool:
        """Count what is new in the output topics; False when all there is has been counted."""
        fetched = await self._outputs.getmany(timeout_ms=_WAIT_MS)
        for tp, records in fetched.items():
            for record in records:
                self._count(tp.topic, record.key, record.value)
        ends = await self._outputs.end_offsets(self._written)
        return any([await self._outputs.position(tp) < ends[tp] for tp in self._written])

    def _count(self, topic: str, key: bytes, value: bytes | None) -> None:
        tally = self.tallies[topic]
        if topic in self._events:
            entered = "exit" not in orjson.loads(value or b"{}").get("context", {})
        else:
            entered = value is not None
            if entered:
                tally.members[key.decode()] = 1
            else:
                tally.members.pop(key.decode(), None)
        if entered:
            tally.entered += 1
        else:
            tally.exited += 1

    async def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        counts = await partitions_of(topics, self._bootstrap)
        return [
            TopicPartition(topic, number)
            for topic, count in counts.items()
            for number in range(count)
        ]
