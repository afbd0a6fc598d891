"""Sweeps: what a change of what is published means to everyone whom it concerns.

Laws:

1. A sweep is done before the next batch is applied, in slices, each of which is a turn that is
   committed. One that was cut short is done again, or goes on, when the partition is taken over.
2. It happens at the partition's clock, not at the wall clock: events of before may still be
   waiting to be applied.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice

from journeystream.agents.history import History
from journeystream.engine import Rules
from journeystream.events import Archived, Past, PastOver, Retried, Reviewed
from journeystream.journeys import Version
from journeystream.state.codec import PartitionState, Reading
from journeystream.state.store import Store
from journeystream.turn import Turn, sweep
from journeystream.user import stuck_in

_AT_ONCE = 1_000  # users per transaction
_TRIED_AT_MOST = 100_000  # users who are stuck in a journey and tried again at one time


class Sweeps:
    """The sweeps of one partition; `keep` commits a turn."""

    def __init__(
        self, store: Store, history: History, keep: Callable[[Turn], Awaitable[None]]
    ) -> None:
        self._store = store
        self._history = history
        self._keep = keep

    async def close(self) -> None:
        """Let go of what history was read with."""
        await self._history.close()

    async def expel(self, journey: str, state: PartitionState, rules: Rules) -> None:
        """Take everyone out of an archived journey."""
        at = state.clock
        while members := self._store.members(journey, _AT_ONCE):
            leaving = [Archived(member, at, journey) for member in members]
            turn = sweep(leaving, state.clock, self._store, rules)
            await self._keep(turn)
            if not turn.changed:
                return  # it fails for all who are left

    async def review(self, journey: str, state: PartitionState, rules: Rules) -> None:
        """Look at everyone in a journey that goes on, or takes them over into another version."""
        at, last = state.clock, ""
        while members := self._store.members(journey, _AT_ONCE, last):
            looks = [Reviewed(member, at, journey) for member in members]
            await self._keep(sweep(looks, state.clock, self._store, rules))
            last = members[-1]

    async def retry(self, journey: str, state: PartitionState, rules: Rules) -> None:
        """Try a journey again for whom it failed; as after an upgrade, when we take over."""
        stuck = self._store.members(stuck_in(journey), _TRIED_AT_MOST)
        for begin in range(0, len(stuck), _AT_ONCE):
            some = stuck[begin : begin + _AT_ONCE]
            tries = [Retried(user, state.clock, journey) for user in some]
            await self._keep(sweep(tries, state.clock, self._store, rules))

    async def recall(self, state: PartitionState, rules: Rules) -> None:
        """Take the next slice of the first history that is to be read again."""
        version, reading = next(iter(state.readings.items()))
        await self._keep(await self._next_of(version, reading, state, rules))

    async def _next_of(
        self, version: Version, reading: Reading, state: PartitionState, rules: Rules
    ) -> Turn:
        journey, _ = version
        if version in rules.journeys.versions and journey not in rules.journeys.closed:
            events = await self._history.events(reading)
            if events is not None:
                past = [Past(event.user_id, event.at, *version, event) for event in events]
                return sweep(past, state.clock, self._store, rules)
        if users := list(islice(self._store.users(reading.after), _AT_ONCE)):
            reading.after = users[-1]
            met = [PastOver(user, state.clock, journey) for user in users]
            return sweep(met, state.clock, self._store, rules)
        del state.readings[version]
        await self._history.close()
        return Turn(state.clock)
