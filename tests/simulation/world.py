"""One simulation from its plan to its end: workers, upstream apps, faults, and a supervisor.

What is random is drawn from the seed, in the order in which it is asked for. Everything that
happens is noted in the broker's trace; two runs of a seed have the same one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import orjson
from aiokafka import TopicPartition

from journeystream.agents.changelog import Ledger
from journeystream.agents.decode import clock_mark
from journeystream.agents.notes import written
from journeystream.agents.recovery import restore
from journeystream.durations import MICROS, iso
from journeystream.errors import BrokerUnreachable, StateError
from journeystream.events import Moved, Removed
from journeystream.state.memory import MemoryStore
from tests.simulation.broker import Broker
from tests.simulation.cluster import SimulatedCluster
from tests.simulation.disk import Directory
from tests.simulation.group import SESSION, Group
from tests.simulation.journeys import (
    ADS,
    BASE,
    EMAIL,
    FIRST,
    LATE,
    QUICK,
    archived,
    published,
    steps_of,
)
from tests.simulation.log import Log
from tests.simulation.loop import SimulatedLoop
from tests.simulation.plan import AtStep, Fault, Plan, Upstream
from tests.simulation.process import Process, adopt_tasks
from tests.simulation.worker import CHANGELOG, CONTROL, GROUP, LETTERS, REKEYED, Worker

END = 3.0  # by then all events and timed faults are over, in seconds
LAST_MARK = BASE + 60 * MICROS  # a replay's clock ends here
_LONGEST_END = 6.0  # a producer that is closed waits so long for its broker
_PATIENCE = 40.0  # how long it may take then until all is applied
_RECORDED_AT = (BASE // MICROS + 30) * 1_000  # a replay's records are younger than their events


class SimulationError(AssertionError):
    """Something happened that must not."""


class World:
    """Everything that one seed brings into being."""

    def __init__(self, plan: Plan, loop: SimulatedLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.random = Random(plan.seed + 1_000_003)  # noqa: S311  it has to be repeatable
        self.broker = Broker(loop, self.random, plan.network)
        self.broker.hook = self._at_step
        self.seen: Counter[str] = Counter()
        self.edits: list[tuple[float, str, str]] = []
        self.workers: list[Worker] = []
        self.processes: list[Process] = []
        self._disks: dict[str, dict[int, Directory]] = {}
        self._steps: Counter[tuple[str, str]] = Counter()
        self._at_steps: dict[tuple[str, str, int], Fault] = {}
        self.wrong: list[str] = []
        self._closing = False
        self._acts: dict[str, Callable[[Worker, float], None]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "evict": lambda worker, seconds: self.group.evict(worker, seconds / 2),
            "leave": lambda worker, _: worker.leave(),
            "join": lambda *_: self._start(f"w{plan.workers + self.seen['join']}"),
            "broker": lambda _, seconds: self.broker.restart(seconds / 2),
            "compact": self._compact,
            "retention": self._retain,
            "reset": lambda worker, _: worker.fetcher.reset(),
            "jump": lambda worker, _: worker.clock.jump(round(self.random.uniform(-2, 2) * MICROS)),
        }
        for topic in (*plan.sources, REKEYED, CHANGELOG, EMAIL, ADS, LETTERS):
            self.broker.create(topic, plan.partitions)
        self.broker.create(CONTROL, 1)
        self.group = Group(self.random, plan.partitions, plan.standbys, self.broker.note)
        adopt_tasks(loop)

    async def run(self) -> None:
        """Let everything happen, and wait until it is over and done with."""
        self._publish("first", *FIRST)
        self._coordinating = asyncio.create_task(self.group.run())
        for number in range(self.plan.workers):
            self._start(f"w{number}")
        self._schedule()
        await asyncio.sleep(END)
        if not self.plan.live:
            self._mark_clock()
        await self._come_to(self._unsettled)

    async def stop(self) -> dict[int, MemoryStore]:
        """Let the workers end as if asked to; return what the last owners leave on their disks."""
        self._closing = True
        owners = {number: worker.process.name for number, worker in self.owners().items()}
        for worker in list(self.workers):
            worker.leave()
        await self._come_to(lambda: "the workers do not end" if self.workers else None)
        await asyncio.sleep(self.plan.network.markers)  # the last ones are on their way
        return {number: self._disks[name][number].image() for number, name in owners.items()}

    async def end(self) -> None:
        """Let everything end, so that nothing is left to a loop that is closed."""
        self._coordinating.cancel()
        for process in self.processes:
            process.kill()
        await asyncio.sleep(_LONGEST_END)

    async def rebuilt(self, number: int) -> MemoryStore:
        """Return what the changelog alone makes of a partition."""
        observer = Process("observer", self.loop)
        self.processes.append(observer)
        store = MemoryStore()
        ledger = Ledger(number, CHANGELOG, GROUP)
        await restore(store, ledger, SimulatedCluster(self.broker, observer))
        return store

    # ── workers ──────────────────────────────────────────────────────────────────────────

    def _start(self, machine: str) -> None:
        if self._closing:
            return
        process = Process(machine, self.loop)
        self.processes.append(process)
        self.broker.note(machine, "starts")
        worker = Worker(
            process, self.broker, self.plan, self._disks.setdefault(machine, {}), self._ended
        )
        worker.is_member = self.group.members.__contains__
        self.workers.append(worker)
        process.spawn(self._begin(worker))

    async def _begin(self, worker: Worker) -> None:
        await worker.start()
        worker.process.do(lambda: self.group.join(worker))

    def _ended(self, worker: Worker, failure: BaseException | None) -> None:
        """Start a worker again that came to its end by itself."""
        self.group.leave(worker)
        worker.process.kill()
        self.workers.remove(worker)
        if failure is not None:
            self._judge(failure)
        self.loop.call_later(0.05 + 0.4 * self.random.random(), self._start, worker.process.name)

    def _judge(self, failure: BaseException) -> None:
        """Tell failures that must be from those that must not."""
        self.seen["failures"] += 1
        fenced = isinstance(failure, BrokerUnreachable) and self._may_be_fenced()
        gap = isinstance(failure, StateError) and "the next batch begins" in str(failure)
        alone = isinstance(failure, StateError) and "someone else writes" in str(failure)
        if not (fenced or (gap and self.plan.stale) or (alone and self.plan.repeats)):
            self.wrong.append(f"a worker ended without a cause: {failure!r}")

    def _may_be_fenced(self) -> bool:
        return any(self.seen[what] for what in ("evict", "freeze", "kill", "broker")) or (
            self.plan.network.slowest > 0.05 or self.plan.network.transaction_timeout < 10
        )

    # ── what goes wrong ──────────────────────────────────────────────────────────────────

    def _schedule(self) -> None:
        for event in self.plan.upstream:
            self.loop.call_at(event.at, self._produce, event)
        for fault in self.plan.faults:
            if isinstance(fault.when, AtStep):
                self._at_steps[fault.when.step, fault.when.moment, fault.when.nth] = fault
            else:
                self.loop.call_at(fault.when, self._befall, fault, None)
        if self.plan.publish_at is not None:
            self.loop.call_at(self.plan.publish_at, self._publish, "published", LATE)
        if self.plan.archive_at is not None:
            self.loop.call_at(self.plan.archive_at, self._archive)

    def _at_step(self, step: str, moment: str, process: Process) -> None:
        if not self._at_steps or process.name == "observer":
            return
        self._steps[step, moment] += 1
        fault = self._at_steps.get((step, moment, self._steps[step, moment]))
        if fault is not None and self.loop.time() < END:
            self._befall(fault, process)

    def _befall(self, fault: Fault, process: Process | None) -> None:
        alive = [each for each in self.workers if each.process.alive]
        hit = [each for each in alive if each.process is process] if process else alive
        if not hit:
            return
        worker = self.random.choice(hit)
        self.seen[fault.what] += 1
        self.broker.note(worker.process.name, f"fault: {fault.what}", f"{fault.seconds} s")
        self._acts[fault.what](worker, fault.seconds)

    def _kill(self, worker: Worker, seconds: float) -> None:
        worker.process.kill()
        self.workers.remove(worker)
        self.loop.call_later(SESSION, self.group.leave, worker)
        machine = worker.process.name
        fate = self.random.random()
        for directory in self._disks[machine].values():
            if fate < 0.2:
                directory.fall_back(1_000)
            elif fate < 0.4:
                directory.fall_back(self.random.randint(1, 4))
        self.loop.call_later(0.05 + seconds, self._start, machine)

    def _freeze(self, worker: Worker, seconds: float) -> None:
        if worker.process.frozen:
            return
        worker.process.freeze()

        def give_up() -> None:
            if worker.process.frozen:
                self.group.evict(worker, 0.3 * self.random.random())

        self.loop.call_later(SESSION, give_up)
        self.loop.call_later(seconds, worker.process.thaw)

    def _compact(self, *_: object) -> None:
        """Remove from the changelog what is superseded."""
        for number in range(self.plan.partitions):
            self.broker.logs[TopicPartition(CHANGELOG, number)].compact()

    def _retain(self, *_: object) -> None:
        """Delete from the sources what was applied long ago."""
        for tp, offset in self.broker.group.items():
            self.broker.logs[tp].delete_before(offset)

    # ── upstream apps and publishers ─────────────────────────────────────────────────────

    def _produce(self, event: Upstream) -> None:
        user = event.user.encode()
        if event.name in {"exit", "move"}:
            self._say(event, user)
            return
        keyed = self.plan.sources[event.topic]
        place = self.broker.place(event.topic, user, None)
        key: bytes | None = user
        if not keyed and self.random.random() < 0.6:
            place = TopicPartition(event.topic, self.random.randrange(self.plan.partitions))
            key = self.random.choice((user, None, b"device"))
        log = self.broker.logs[place]
        value = self._value(event)
        at = round(event.at * 1_000)
        record = key, value, at + BASE // 1_000 if self.plan.live else _RECORDED_AT, ()
        copies = 2 if self.random.random() < 0.05 else 1  # a producer's retry
        if self.plan.transactions and self.random.random() < 0.3:
            self._produce_in_transaction(log, record)
        else:
            for _ in range(copies):
                log.append(record, self.loop.time())

    def _say(self, event: Upstream, user: bytes) -> None:
        """Let somebody take a user out of a journey, or move them, by hand."""
        self.seen["by hand"] += 1
        journey = self.random.choice(FIRST)
        at, id_ = BASE + round(event.at * 1_000) * 1_000, f"h{self.seen['by hand']}"
        note: Removed | Moved = Removed(event.user, at, journey, message_id=id_)
        if event.name == "move":
            note = Moved(event.user, at, journey, self.random.choice(steps_of(journey)), id_)
        record = user, written(note), at // 1_000 if self.plan.live else _RECORDED_AT, ()
        self.broker.logs[self.broker.place(REKEYED, user, None)].append(record, self.loop.time())

    def _produce_in_transaction(self, log: Log, record: Any) -> None:  # noqa: ANN401
        """Let an app's own transaction lie open for a while, and be committed or aborted."""
        self.seen["producer"] += 1
        name = f"app-{self.seen['producer']}"
        epoch = self.broker.start(name)
        self.broker.append(name, epoch, [(log.tp, record)], None)
        end = self.broker.commit if self.random.random() < 0.6 else self.broker.abort
        self.loop.call_later(0.4 * self.random.random(), end, name, epoch)

    def _value(self, event: Upstream) -> bytes:
        if event.name == "junk":
            return b"junk"
        at = BASE + round((event.at + event.skew) * 1_000) * 1_000
        self.seen["events"] += 1
        message: dict[str, object] = {
            "type": "track",
            "event": event.name,
            "userId": event.user,
            "timestamp": iso(at),
            "messageId": f"m{self.seen['events']}",
        }
        if event.name == "plan":
            message |= {"type": "identify", "traits": {"plan": self.random.choice(("pro", "no"))}}
        if event.name == "erase":
            message["type"] = "delete"
            self.seen["erased"] += 1
        if self.plan.aliases:
            message |= self._identity(event)
        if self.random.random() < 0.7:
            # Repeats by the shell must not hide behind the engine's own memory of ids.
            del message["messageId"]
            message["context"] = {"n": self.seen["events"]}
        return orjson.dumps(message)

    def _identity(self, event: Upstream) -> dict[str, object]:
        """Let users with an odd number be anonymous, and others say that they are them."""
        if int(event.user[1:]) % 2:
            return {"userId": None, "anonymousId": event.user}
        if event.name != "plan":
            return {}
        other = f"u{self.random.randrange(6)}"
        if self.random.random() < 0.3:
            return {"type": "alias", "previousId": other}
        return {"anonymousId": other}

    def _mark_clock(self) -> None:
        for topic in self.plan.sources:
            for number in range(self.plan.partitions):
                mark = None, clock_mark(LAST_MARK), _RECORDED_AT * 2, ()
                self.broker.logs[TopicPartition(topic, number)].append(mark, self.loop.time())

    def _publish(self, what: str, *journeys: str) -> None:
        log = self.broker.logs[TopicPartition(CONTROL, 0)]
        for journey in journeys:
            now = BASE + round(self.loop.time() * MICROS)
            for key, value in published(journey, now):
                log.append((key, value, 0, ()), self.loop.time())
            self.edits.append((self.loop.time(), what, journey))

    def _archive(self) -> None:
        for key, value in archived(QUICK):
            self.broker.logs[TopicPartition(CONTROL, 0)].append(
                (key, value, 0, ()), self.loop.time()
            )
        self.edits.append((self.loop.time(), "archived", QUICK))

    # ── the end ──────────────────────────────────────────────────────────────────────────

    async def _come_to(self, missing: Callable[[], str | None]) -> None:
        """Wait until nothing is missing, within a bound."""
        deadline = self.loop.time() + _PATIENCE
        while not self.wrong and (what := missing()) is not None:
            if self.loop.time() > deadline:
                raise SimulationError(f"the workers do not come to rest: {what}")
            await asyncio.sleep(0.1)
        if self.wrong:
            raise SimulationError("; ".join(self.wrong))

    def _unsettled(self) -> str | None:
        """Tell what is not applied yet, or due."""
        for topic in (*self.plan.sources, REKEYED):
            for number in range(self.plan.partitions):
                tp = TopicPartition(topic, number)
                log = self.broker.logs[tp]
                if self.broker.group.get(tp, 0) < log.end:
                    return (
                        f"{topic}/{number} ends at {log.end}, applied {self.broker.group.get(tp)}"
                    )
        owners = self.owners()
        for number in range(self.plan.partitions):
            if number not in owners:
                return f"nobody has partition {number}"
            wake = owners[number].partitions.running[number]._store.next_wake()
            if self.plan.live and wake is not None and wake <= owners[number].clock.now():
                return f"partition {number} has something due since {wake}"
        if any(each.process.frozen for each in self.workers):
            return "somebody is frozen"
        return None

    def owners(self) -> dict[int, Worker]:
        """Return who has which partition and has taken it over."""
        return {
            number: worker
            for worker in self.workers
            if worker in self.group.members
            for number, partition in worker.partitions.running.items()
            if partition.ready.is_set()
        }
