"""What a worker tells of itself as metrics is so, and ends when it has nothing to tell."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition
from prometheus_client import REGISTRY

from journeystream.agents.figures import Figures
from journeystream.agents.health import Health
from journeystream.agents.intake import Intake
from journeystream.agents.watch import Watch, describe
from journeystream.clock import WallClock
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.store import Store, change_of
from journeystream.turn import Turn
from journeystream.user import NOBODY
from tests.state.store_contract import waiting

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND
P = 77  # a partition that no other test tells of


@dataclass
class At:
    """A partition that is recovered if it has a store."""

    store: Store | None


class Topics:
    """Topics of ten records each, whose first four are gone."""

    async def begins(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return where partitions begin."""
        return dict.fromkeys(tps, 4)

    async def ends(self, tps: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return where they end."""
        return dict.fromkeys(tps, 10)


def told(name: str, **labels: object) -> float | None:
    """Return a figure as it would be scraped."""
    return REGISTRY.get_sample_value(
        f"journeystream_{name}", {key: str(value) for key, value in labels.items()}
    )


def looked_at(store: Store | None, *, live: bool = True) -> None:
    """Let a worker look at a partition, ten seconds after the store's clock."""
    clock = WallClock(lambda: NOW * 1_000, lambda: 0)
    watch = Watch(lambda: {P: At(store)}, ["a", "b"], Topics(), clock, live=live)
    asyncio.run(watch.look())


def store_at(positions: dict[str, int], *wakes: int) -> MemoryStore:
    """Return a store that is ten seconds behind."""
    store = MemoryStore()
    changes = [change_of(waiting(f"u{wake}", wake), NOBODY) for wake in wakes]
    store.save(changes, PartitionState(NOW - 10 * SECOND, positions))
    return store


def test_lag_is_what_is_not_applied_and_still_there() -> None:
    """Records that the topic has lost are not waited for, and event time lags while any wait."""
    looked_at(store_at({"a": 7}))
    assert told("lag_records", partition=P, topic="a") == 3
    assert told("lag_records", partition=P, topic="b") == 6
    assert told("event_lag_seconds", partition=P) == 10


def test_a_partition_that_has_applied_all_does_not_lag() -> None:
    """The clock of a partition without events stands still, which is no lag."""
    looked_at(store_at({"a": 10, "b": 12}))
    assert told("lag_records", partition=P, topic="b") == 0
    assert told("event_lag_seconds", partition=P) == 0


def test_a_timer_is_overdue_once_it_is_due() -> None:
    """The earliest timer counts; in a replay none is overdue by the wall clock."""
    looked_at(store_at({}, NOW - 3 * SECOND, NOW + SECOND))
    assert told("timers_overdue_seconds", partition=P) == 3
    assert told("state_rows", partition=P, kind="timers") == 2
    assert told("state_rows", partition=P, kind="users") == 2
    looked_at(store_at({}, NOW + SECOND))
    assert told("timers_overdue_seconds", partition=P) == 0
    looked_at(store_at({}, NOW - SECOND), live=False)
    assert told("timers_overdue_seconds", partition=P) == 0
    assert told("event_lag_seconds", partition=P) == 0


def test_what_is_so_now_is_told_by_who_has_the_partition() -> None:
    """A partition that was let go, or is not recovered, is not told of; what it did is."""
    figures = Figures(P)
    letter = OutRecord("letters", None, b"{}")
    figures.sorted(Intake([None, None], [letter, letter], [], [0, 1], ["empty", "no_user"]), 1)
    figures.committed(Turn(NOW))
    figures.fired(2 * SECOND)
    looked_at(store_at({"a": 7}))
    figures.end()
    for name in ("lag_records", "event_lag_seconds", "partition_clock_seconds", "state_bytes"):
        assert told(name, partition=P) is None
    looked_at(None)
    assert told("lag_records", partition=P, topic="a") is None
    codes = ("empty", "no_user", "engine_failed")
    assert [told("dead_letters_total", partition=P, code=code) for code in codes] == [1, 1, 1]
    assert told("timer_lateness_seconds_sum", partition=P) == 2


def test_a_worker_tells_of_itself_when_it_is_asked() -> None:
    """Readiness, standings and the age of Kafka's answer are those of the moment of the scrape."""
    health = Health(
        alive=True,
        ready=True,
        reasons=(),
        partitions={0: "running", 1: "running", 2: "restoring"},
        standbys=(3,),
    )
    answers: list[float | None] = [None]
    describe({"worker": "w1"}, lambda: health, lambda: answers[-1])
    assert told("ready") == 1
    assert [told("partitions", standing=s) for s in ("running", "restoring", "standby")] == [
        2,
        1,
        1,
    ]
    silent = told("kafka_silent_seconds")
    assert silent is not None
    assert math.isnan(silent)
    answers.append(2.5)
    assert told("kafka_silent_seconds") == 2.5
