"""Up to which wall-clock instant everything that was readable has been applied.

Law: an instant is sampled together with where the topics end at it; it is given out only when
all that lay before those ends is applied. So the clock moves behind the events, never before
them, and it moves under steady load too: new records after the sample do not hold it up.

Sources whose records are re-keyed, and replies of a decision service, are looked at first, in all
their partitions: only when they are read to the sampled ends is it known where this partition's
re-keyed records end. There the end is that of everything written, because brokers write the markers
of one transaction one after the other: the source's offset may be committed before the re-keyed
record can be read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from journeystream.agents.control import Control
from journeystream.clock import Clock


class CatchingUp:
    """Follows one sample after another for one partition."""

    def __init__(
        self,
        control: Control,
        clock: Clock,
        own: Collection[TopicPartition],
        loose: Collection[TopicPartition],
        passage: TopicPartition,
    ) -> None:
        self._control = control
        self._clock = clock
        self._own = own
        self._loose = loose
        self._passage = passage
        self._instant: int | None = None
        self._loose_ends: dict[TopicPartition, int] = {}
        self._own_ends: dict[TopicPartition, int] | None = None

    async def reached(self, positions: Mapping[str, int]) -> int | None:
        """Return the sampled instant once `positions` (by topic) have reached its ends."""
        if self._instant is None:
            self._instant = self._clock.now()
            begins = await self._control.begins(self._loose)
            ends = await self._control.ends(self._loose)
            self._loose_ends = {tp: end for tp, end in ends.items() if end > begins[tp]}
        if self._own_ends is None:
            for tp, end in self._loose_ends.items():
                if await self._control.committed(tp) < end:
                    return None
            begins = await self._control.begins(self._own)
            ends = await self._control.ends(self._own)
            if self._loose:
                ends |= await self._control.written([self._passage])
            self._own_ends = {tp: end for tp, end in ends.items() if end > begins[tp]}
        if any(positions.get(tp.topic, 0) < end for tp, end in self._own_ends.items()):
            return None
        instant, self._instant, self._own_ends = self._instant, None, None
        return instant
