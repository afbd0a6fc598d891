"""The one writer of a partition: takes batches, lets time pass, commits each turn.

Laws:

1. One turn at a time; what a turn sees is what the turn before it committed.
2. In live time the clock moves with the wall only as far as the partition has caught up
   (`catching_up.py`). So a timer never overtakes an event that was already in the topic.
3. Records below the stored position are passed over: they are applied already. A batch that
   begins above it would leave a gap, and ends the worker.
4. A turn fires a bounded number of timers. A batch that brings more due is cut in halves; a
   single record that does waits until they have fired, in turns of time alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from journeystream.agents.batch import Batch
from journeystream.agents.catching_up import CatchingUp
from journeystream.agents.changelog import Ledger
from journeystream.agents.commit import Commits, Committer
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.agents.figures import Figures
from journeystream.agents.health import Standing
from journeystream.agents.history import History
from journeystream.agents.intake import Intake
from journeystream.agents.recovery import restore
from journeystream.agents.rejections import Rejections
from journeystream.agents.surroundings import Surroundings
from journeystream.agents.sweeps import Sweeps
from journeystream.engine import Rules
from journeystream.errors import StateError
from journeystream.events import ClockMark, Entry
from journeystream.journeys import Floors, Journeys, Version
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState, Reading
from journeystream.state.store import Store, changes_of
from journeystream.turn import Turn, take_turn

if TYPE_CHECKING:
    from journeystream.agents.tracing import Traced

_log = logging.getLogger(__name__)
_TICK_SECONDS = 0.05  # how often an idle partition looks whether something is due
_ROOM = 5_000  # records that may wait before no more are fetched: the rest stays in Kafka
_JOINED_AT_MOST = 5_000  # records of a turn that is made of small batches
_FIRED_AT_ONCE = 5_000  # alarms per transaction while time passes: a burst is drained in slices


class Partition:
    """A partition's processor; `run` ends when it is told to stop, or by an error."""

    def __init__(self, ledger: Ledger, store: Store, around: Surroundings) -> None:
        self.number = ledger.partition
        self._ledger = ledger
        self._store = store
        self._around = around
        self._figures = Figures(ledger.partition)
        self._committer: Commits = (
            Committer(ledger, around.cluster, store)
            if around.teller is None
            else RepeatingCommitter(ledger, around.cluster, store, around.teller)
        )
        self._batches: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._ahead: Batch | None = None
        self._waiting = 0
        self._state = store.partition()
        self._journeys = Journeys()
        self._stopping = False
        self._look_again = 0.0
        self._turn_began: float | None = None
        self._confirmed: set[str] = set()
        self._has_begun = False
        self._catching_up = CatchingUp(
            around.control,
            around.clock,
            [TopicPartition(topic, self.number) for topic in around.sorters],
            around.loose,
            TopicPartition(around.passage, self.number),
        )
        self._sweeps = Sweeps(
            store, History(self.number, around.cluster, around.sorters), self._keep
        )
        self.ready = asyncio.Event()

    @property
    def standing(self) -> Standing:
        """Whether it takes turns already."""
        return "running" if self.ready.is_set() else "restoring"

    @property
    def state(self) -> PartitionState:
        """Where it stands; nobody else may change it."""
        return self._state

    @property
    def store(self) -> Store | None:
        """What is committed, once it is recovered: to be read between turns."""
        return self._store if self.ready.is_set() else None

    @property
    def turn_seconds(self) -> float:
        """How long the present turn has been going on."""
        began = self._turn_began
        return 0.0 if began is None else self._around.clock.elapsed() - began

    def has_room(self) -> bool:
        """Tell whether another batch may be fetched."""
        return self.ready.is_set() and self._waiting < _ROOM

    def offer(self, batch: Batch) -> None:
        """Queue a batch; it is applied in its turn."""
        self._batches.put_nowait(batch)
        self._waiting += len(batch.records)

    def stop(self) -> None:
        """Let `run` end after the turn that it is in."""
        self._stopping = True
        self._batches.put_nowait(None)

    async def run(self) -> None:
        """Take the partition over, then take turns."""
        try:
            await self._committer.start()
            restored = await restore(self._store, self._ledger, self._around.cluster)
            await self._committer.resume(restored)
            self._state = self._store.partition()
            await self._refuse_recreated_topics()
            self.ready.set()
            _log.info("partition %s: taken over at %s", self.number, self._state.positions)
            while not self._stopping:
                await self._take_turns()
        finally:
            await self._end()

    async def _end(self) -> None:
        """Let go of everything; of each part also when there was no time left for another."""
        try:
            try:
                await self._sweeps.close()
            finally:
                await self._committer.stop()
        finally:
            self.ready.clear()  # whoever reads it between turns finds it gone, not closed
            self._figures.end()
            self._store.close()
            _log.info("partition %s: let go at %s", self.number, self._state.positions)

    async def _take_turns(self) -> None:
        batch = await self._next_batch()
        if self._stopping:
            return
        self._turn_began = self._around.clock.elapsed()
        control = self._around.control
        await self._learn(control.known if batch is None else await control.current())
        while self._state.readings and not self._stopping:
            await self._sweeps.recall(self._state, self._rules())
        if not self._has_begun:
            # Whoever had the partition before may have died between two slices.
            self._has_begun = True
            await self._let_pass(self._horizon("", Intake()))
        if batch is not None:
            with self._figures.timed():
                await self._apply(batch)
        if self._around.live:
            await self._pass_time()
        self._turn_began = None

    async def _next_batch(self) -> Batch | None:
        """Return what waits; small batches that follow each other make one turn."""
        try:
            batch = self._ahead or await asyncio.wait_for(self._batches.get(), _TICK_SECONDS)
        except TimeoutError:
            return None
        self._ahead = None
        while batch is not None and not self._batches.empty():
            self._ahead = self._batches.get_nowait()
            if self._ahead is None or not batch.is_followed_by(self._ahead):
                break
            if len(batch.records) + len(self._ahead.records) > _JOINED_AT_MOST:
                break
            batch, self._ahead = batch.with_(self._ahead), None
        self._waiting -= len(batch.records) if batch is not None else 0
        return batch

    # ── a batch ──────────────────────────────────────────────────────────────────────────

    async def _apply(self, batch: Batch) -> None:
        """Take the turn of a batch and commit it."""
        applied = await self._applied(batch)
        if batch.start > applied:
            await self._accept_gap(batch, applied)
        if batch.next_offset > applied:
            await self._apply_records(batch.after(applied))
        elif (
            batch.next_offset == self._state.positions.get(batch.topic)
            and batch.topic not in self._confirmed
        ):
            # The group may not know, or may have forgotten, how far the topic is applied.
            await self._commit(Turn(self._state.clock), [], {batch.topic: applied})
            self._confirmed.add(batch.topic)

    async def _apply_records(self, batch: Batch) -> None:
        """Apply records in one turn; in several if too many timers come due by them (law 4)."""
        sorter = self._around.sorters[batch.topic]
        latest = self._around.clock.now() if self._around.live else None
        intake = sorter.sort(batch, latest, self._around.interest(self._journeys))
        entries = self._committer.not_applied(batch, intake.entries)
        until = horizon = self._horizon(batch.topic, intake)
        if self._are_many_due(horizon):
            if len(batch.records) > 1:
                for half in batch.halves():
                    await self._apply_records(half)
                return
            if self._around.frontier.moves(batch.topic):
                await self._let_pass(horizon)
            else:
                until = self._state.clock
        if self._stopping:
            return
        with self._around.following(batch, entries) as traced:
            turn = self._take(batch.topic, entries, until)
            self._figures.failed(turn)
            failed = sorter.failed(turn.failures, batch)
            letters = [*intake.letters, *failed]
            self._bound_letters(batch, turn, intake, letters)
            self._state.positions[batch.topic] = batch.next_offset
            await self._commit(
                turn, [*intake.rekeyed, *letters], {batch.topic: batch.next_offset}, traced
            )
        self._figures.sorted(intake, len(failed))
        await self._let_pass(horizon)

    async def _applied(self, batch: Batch) -> int:
        """Return up to where the batch's topic is applied."""
        applied = self._state.positions.get(batch.topic)
        if applied is None:
            # Not where the batch begins: one before it may have been lost in a rebalance.
            tp = TopicPartition(batch.topic, batch.partition)
            applied = (await self._around.control.begins([tp]))[tp]
        return applied

    def _bound_letters(
        self, batch: Batch, turn: Turn, intake: Intake, letters: Sequence[OutRecord]
    ) -> None:
        """Count the batch's dead letters; stop before it is committed if they are too many."""
        failed = {failure.index for failure in turn.failures if failure.index is not None}
        rejections = Rejections.of(self._state.rejections).after(
            len(intake.entries), sorted(failed.union(intake.refused))
        )
        rejections.check(self._around.bound, f"{batch.topic}/{batch.partition}", letters)
        self._state.rejections = rejections.counts

    async def _accept_gap(self, batch: Batch, applied: int) -> None:
        """Go on behind a gap that the broker made; refuse one that we made."""
        tp = TopicPartition(batch.topic, batch.partition)
        begin = (await self._around.control.begins([tp]))[tp]
        if begin <= applied:
            raise StateError(
                f"{batch.topic}/{batch.partition}: at {applied}, but the next batch begins at "
                f"{batch.start}; start the worker again, it goes on from {applied}"
            )
        _log.error(
            "%s/%s: records %s to %s are gone from the topic (its retention?), and not applied",
            *tp,
            applied,
            begin - 1,
        )

    async def _refuse_recreated_topics(self) -> None:
        """Refuse a topic that ends before where it has been applied: it is another one now."""
        # One that is not read any more may be gone, and would be waited for.
        read = sorted(self._state.positions.keys() & self._around.sorters)
        tps = [TopicPartition(topic, self.number) for topic in read]
        for tp, end in (await self._around.control.ends(tps)).items():
            if end < self._state.positions[tp.topic]:
                raise StateError(
                    f"{tp.topic}/{tp.partition} ends at {end}, but was applied up to "
                    f"{self._state.positions[tp.topic]}: it was recreated; give the project "
                    f"another `app`, or recreate its other topics and state directories too"
                )

    def _horizon(self, topic: str, intake: Intake) -> int:
        """Return where the clock will be after a batch."""
        frontier, clock = self._around.frontier, self._state.clock
        if frontier.moves(topic):
            return max(clock, intake.latest)
        fronts = dict(self._state.fronts)
        frontier.observe(fronts, topic, intake.entries)
        return max(frontier.reached(fronts), clock)

    def _are_many_due(self, until: int) -> bool:
        return len(self._store.due(until, _FIRED_AT_ONCE + 1)) > _FIRED_AT_ONCE

    def _take(self, topic: str, entries: Sequence[Entry], until: int) -> Turn:
        frontier, state = self._around.frontier, self._state
        if frontier.moves(topic):
            return take_turn(entries, state.clock, self._store, self._rules())
        frontier.observe(state.fronts, topic, entries)
        events = [None if isinstance(entry, ClockMark) else entry for entry in entries]
        return take_turn(
            events, state.clock, self._store, self._rules(), moves_clock=False, until=until
        )

    async def _commit(
        self,
        turn: Turn,
        others: list[OutRecord],
        offsets: Mapping[str, int],
        traced: Traced | None = None,
    ) -> None:
        self._state.clock = turn.clock
        records = self._around.routing.records if traced is None else traced.records
        outputs = [*records(turn.effects, turn.travels), *others]
        await self._committer.commit(outputs, changes_of(turn), self._state, offsets)
        turn.tell_met(self._store.met(self._journeys))
        self._turn_began = self._around.clock.elapsed()
        self._figures.committed(turn)

    def _rules(self) -> Rules:
        around, floors = self._around, Floors(self._state.floors)
        return Rules(self._journeys, floors, around.memory, travels=around.routing.travels)

    # ── the passing of time ──────────────────────────────────────────────────────────────

    async def _pass_time(self) -> None:
        """Fire what is due by the wall clock, as far as the partition has caught up with it."""
        clock = self._around.clock
        if clock.elapsed() < self._look_again:
            return
        self._look_again = clock.elapsed() + _TICK_SECONDS
        wake = self._store.next_wake()
        if wake is None or wake > (now := clock.now()):
            return
        until = await self._catching_up.reached(self._state.positions)
        if until is not None and wake <= until:
            self._figures.fired(now - wake)
            await self._let_pass(until)

    async def _let_pass(self, until: int) -> None:
        """Fire what is due by an instant, in slices."""
        while self._is_due(until):
            turn = take_turn(
                (), self._state.clock, self._store, self._rules(), until=until, most=_FIRED_AT_ONCE
            )
            self._figures.failed(turn)
            if not turn.changed:
                break
            await self._commit(turn, [], {})

    def _is_due(self, until: int) -> bool:
        wake = self._store.next_wake()
        return wake is not None and wake <= until and not self._stopping

    # ── journeys come and go ─────────────────────────────────────────────────────────────

    async def _learn(self, journeys: Journeys) -> None:
        """Take in what was published: floors of new versions, and who must leave."""
        if journeys is self._journeys:
            return
        before, self._journeys = self._journeys, journeys
        for version, journey in journeys.versions.items():
            if version not in self._state.floors:
                # A publisher's clock may be ahead: what is known now counts from now.
                self._state.floors[version] = (
                    min(self._around.control.published_at(*version), self._around.clock.now())
                    if self._around.live
                    else self._state.clock
                )
                if journey.meets_everyone:
                    self._read_again(version)
        for id_ in sorted(journeys.archived):
            await self._sweeps.expel(id_, self._state, self._rules())
        for id_, reviews in journeys.reviews.items():
            if self._state.reviewed.get(id_, 0) != reviews:
                await self._sweeps.review(id_, self._state, self._rules())
                self._state.reviewed[id_] = reviews
        for id_, retries in journeys.retries.items():
            if before.retries.get(id_) != retries:
                await self._sweeps.retry(id_, self._state, self._rules())

    def _read_again(self, version: Version) -> None:
        """Note what of the topics a version has to learn before it looks at everyone."""
        uses_history = bool(self._journeys.versions[version].own)
        applied = {
            topic: position
            for topic, position in self._state.positions.items()
            if uses_history and topic in self._around.sorters
        }
        self._state.readings[version] = Reading(dict.fromkeys(applied, 0), applied)

    async def _keep(self, turn: Turn) -> None:
        self._figures.failed(turn)
        await self._commit(turn, [], {})
