"""A worker: the real parts of `app.py`, wired to the simulated world around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from aiokafka import TopicPartition

from journeystream.agents.changelog import Ledger
from journeystream.agents.control import Control
from journeystream.agents.decode import DecodeLimits
from journeystream.agents.frontier import Frontier, origin_of
from journeystream.agents.handing_over import hand_over
from journeystream.agents.intake import Sorter
from journeystream.agents.partition import Partition
from journeystream.agents.partitions import Partitions
from journeystream.agents.rejections import Bound
from journeystream.agents.standby import Standby
from journeystream.agents.surroundings import Surroundings
from journeystream.agents.telling import Teller
from journeystream.clock import Clock
from journeystream.durations import MICROS
from journeystream.journeys import Journeys
from journeystream.repeats import Memory
from journeystream.sinks.routing import Routing
from journeystream.state.store import Store
from tests.simulation.broker import Broker, Line
from tests.simulation.cluster import SimulatedCluster
from tests.simulation.disk import Directory
from tests.simulation.fetcher import Fetcher
from tests.simulation.journeys import BASE, DESTINATIONS, workshop
from tests.simulation.loop import SimulatedLoop
from tests.simulation.plan import Plan
from tests.simulation.process import Process

GROUP, CONTROL, CHANGELOG = "sim", "control", "changelog"
REKEYED, LETTERS = "rekeyed", "letters"
_PATIENCE = 0.3  # seconds that a turn may take to end


class InOrder(frozenset[TopicPartition]):
    """A frozen set that is walked through in order, whatever the hash seed."""

    def __iter__(self) -> Iterator[TopicPartition]:
        return iter(sorted(super().__iter__()))


class SimulatedClock:
    """A machine's clock; `jumps` says since when it is how wrong (seconds, microseconds)."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.jumps: list[tuple[float, int]] = [(0.0, 0)]
        self.last = 0
        self._loop = loop

    def now(self) -> int:
        """Return what the machine believes to be the instant."""
        self.last = BASE + round(self._loop.time() * MICROS) + self.jumps[-1][1]
        return self.last

    def elapsed(self) -> float:
        """Return the virtual time."""
        return self._loop.time()

    def jump(self, micros: int) -> None:
        """Go wrong by so much more."""
        self.jumps.append((self._loop.time(), self.jumps[-1][1] + micros))


@dataclass(frozen=True, slots=True)
class Notes:
    """What a partition knew when it began a transaction; `latest` is what its clock last said."""

    journeys: Journeys
    latest: int
    clock: SimulatedClock


def surroundings(
    plan: Plan, cluster: SimulatedCluster, control: Control, clock: Clock
) -> Surroundings:
    """Return what `app.py` makes of such a project."""
    limits = DecodeLimits(
        message_bytes=1_000_000, clock_skew=60 * MICROS, oldest_event=0, replay=not plan.live
    )
    straight = [topic for topic, keyed in plan.sources.items() if keyed]
    loose = [topic for topic, keyed in plan.sources.items() if not keyed]
    partitions = [TopicPartition(topic, n) for topic in loose for n in range(plan.partitions)]
    return Surroundings(
        cluster=cluster,
        live=plan.live,
        control=control,
        clock=clock,
        memory=Memory(60 * MICROS, 100),
        # Whose clock is asked changes what it last said, by which the oracle judges.
        routing=Routing(DESTINATIONS, hand_over=hand_over(REKEYED, lambda: 0)),
        sorters={
            **{topic: Sorter(limits, LETTERS) for topic in straight},
            REKEYED: Sorter(replace(limits, notes=True), LETTERS),
            **{topic: Sorter(limits, LETTERS, REKEYED, plan.partitions) for topic in loose},
        },
        frontier=Frontier(
            frozenset(straight), frozenset(origin_of(tp.topic, tp.partition) for tp in partitions)
        ),
        loose=InOrder(partitions),
        passage=REKEYED,
        bound=Bound(in_a_row=1_000, share=1.0),
    )


class Worker:
    """One process of a worker; `ended` is told when it has come to its end by itself."""

    def __init__(
        self,
        process: Process,
        broker: Broker,
        plan: Plan,
        disk: dict[int, Directory],
        ended: Callable[[Worker, BaseException | None], None],
    ) -> None:
        self.process = process
        self.plan = plan
        self.failure: BaseException | None = None
        self.clock = SimulatedClock(broker.loop)
        self.made: dict[int, Partition] = {}
        self._broker = broker
        self._disk = disk
        self._ended = ended
        self._line = Line(process)
        self.is_member: Callable[[Worker], bool] = lambda _: True
        self._ending = False
        self._held: frozenset[int] = frozenset()
        self._in_turn = asyncio.Lock()  # Faust's consumer does one thing after the other too
        cluster = SimulatedCluster(broker, process)
        self.control = Control(CONTROL, cluster, GROUP, workshop(), self.clock)
        self.around = surroundings(plan, cluster, self.control, self.clock)
        if plan.repeats:
            self.around = replace(self.around, teller=Teller(self._tell_offsets))
        self.partitions = Partitions(
            make=self._make,
            stand_by=lambda number: Standby(partial(self._open, number), _ledger(number), cluster),
            crash=self._crash,
            patience=_PATIENCE,
        )
        self.fetcher = Fetcher(broker, process, self.partitions, plan)

    async def start(self) -> None:
        """Know the journeys; then fetch what is assigned."""
        await self.control.start()
        self.process.spawn(self.fetcher.run())

    async def revoke(self) -> None:
        """Give everything up, as the group asks."""
        async with self._in_turn:
            self.fetcher.assign(())
            await self.partitions.revoke()
            self._held = frozenset()

    async def assign(self, ours: list[int], standbys: list[int]) -> None:
        """Take over what the group gives."""
        async with self._in_turn:
            self._broker.note(self.process.name, "is assigned", f"{ours} {standbys}")
            self._held = frozenset(ours)
            try:
                await self.partitions.assign(ours, standbys)
            except Exception as error:  # noqa: BLE001  as Faust does, the worker ends
                await self._crash(error)
                return
            topics = (*self.plan.sources, REKEYED)
            self.fetcher.assign(TopicPartition(topic, n) for topic in topics for n in ours)

    def leave(self) -> None:
        """End as if asked to."""
        if not self._ending:
            self._ending = True
            self.process.spawn(self._end())

    async def _tell_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Tell the group, which believes only whom it has given the partition."""
        if late := {tp.partition for tp in offsets} - self._held:
            await self._crash(AssertionError(f"offsets of {late} are told, which were given up"))

        def tell() -> None:
            if self.is_member(self):
                self._broker.group.update(offsets)

        await self._broker.request(self._line, "offsets", tell)

    async def _crash(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self._broker.note(self.process.name, "fails", repr(error)[:150])
        self.leave()

    async def _end(self) -> None:
        self.fetcher.assign(())
        await self.partitions.stop()
        self._held = frozenset()
        await self.control.stop()
        self._ended(self, self.failure)

    def _make(self, number: int) -> Partition:
        made = Partition(_ledger(number), self._open(number), self.around)
        if self.plan.repeats:
            self.made[number] = made
            return made
        made._committer._producer.tell = lambda: Notes(  # type: ignore[attr-defined]
            made._journeys, self.clock.last, self.clock
        )
        self.made[number] = made
        return made

    def _open(self, number: int) -> Store:
        directory = self._disk.setdefault(number, Directory())
        hook = self._broker.hook
        return directory.open(self.process, lambda moment: hook("save", moment, self.process))


def _ledger(number: int) -> Ledger:
    return Ledger(number, CHANGELOG, GROUP)
