"""The commit's six steps, each cut off as by a crash; read back with a client that is not ours.

A crash is an exception inside a step that nothing handles: what the step had sent is sent, the
transaction stays open, and the producer goes on living as a zombie while another owner comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from confluent_kafka import OFFSET_INVALID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream import metrics
from journeystream.agents.changelog import PARTITION_KEY
from journeystream.agents.commit import Committer
from journeystream.agents.recovery import restore
from journeystream.errors import BrokerUnreachable, StateError
from journeystream.sinks.records import OutRecord
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.rocksdb import RocksStore
from journeystream.state.store import Store
from journeystream.user import User
from tests.agents.shop import (
    Shop,
    Turn,
    Visible,
    changes_by,
    contents,
    expected,
    logged,
    state_after,
    visible,
)
from tests.brokers.clients import read
from tests.strategies import users

BEFORE_5 = ("1", "2", "3 users", "3 partition", "4", "5")
FROM_5 = ("5 unheard", "6")
RECORDS = {"2": 3, "3 users": 2, "3 partition": 1}  # at which record of its kind a step ends


class CrashError(Exception):
    """The process ends here."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open an empty store as a worker has it."""
    store = RocksStore(tmp_path / "state")
    yield store
    store.close()


# ── what the tests do ────────────────────────────────────────────────────────────────────


async def commit(committer: Committer, shop: Shop, store: Store, turn: Turn) -> None:
    """Commit a turn as a partition does: on top of what the store has."""
    await committer.commit(
        turn.outputs,
        changes_by(store, turn.users, turn.gone),
        state_after(shop, turn),
        {shop.source: turn.position},
    )


@asynccontextmanager
async def owned(shop: Shop, store: Store) -> AsyncIterator[Committer]:
    """Own the partition with a restored store, as a worker that takes it over."""
    committer = Committer(shop.ledger, shop.cluster, store)
    try:
        await committer.start()
        await restore(store, shop.ledger, shop.cluster)
        yield committer
    finally:
        await committer.stop()


async def rebuilt(shop: Shop) -> dict[str, object]:
    """Return the contents of a store that knew nothing and was restored."""
    empty = MemoryStore()
    await restore(empty, shop.ledger, shop.cluster)
    return contents(empty)


async def seen(shop: Shop) -> tuple[list[Visible], list[bytes], int]:
    """Return what is visible from outside: outputs, changelog keys, the group's offset."""
    return await asyncio.to_thread(lambda: (shop.sent(), shop.logged(), shop.position()))


async def crash(step: str, first: Committer, shop: Shop, store: Store) -> None:
    """Begin to commit the second turn and let the process end in a step."""
    with pytest.MonkeyPatch.context() as patch:
        crash_in(step, first, shop, patch)
        with pytest.raises(CrashError):
            await commit(first, shop, store, shop.second())


def crash_in(step: str, committer: Committer, shop: Shop, patch: pytest.MonkeyPatch) -> None:
    """Let the committer end in a step; what the step does before its end is done."""
    producer: Any = committer._producer
    send: Callable[[list[OutRecord]], Awaitable[list[int]]] = producer.send
    committed: Callable[[], Awaitable[None]] = producer.commit_transaction

    def end(*_: object) -> Any:  # noqa: ANN401  whatever the step would have returned
        raise CrashError(step)

    async def send_some(records: Iterable[OutRecord]) -> list[int]:
        everything = list(records)
        of_step = [each for each in everything if _part(each, shop) == step]
        last = everything.index(of_step[RECORDS[step] - 1])
        await send(everything[:last])
        raise CrashError(step)

    async def commit_unheard() -> None:
        await committed()
        end()

    owner, name, instead = {
        "1": (producer, "begin_transaction", end),
        "4": (producer, "send_offsets_to_transaction", end),
        "5": (producer, "commit_transaction", end),
        "5 unheard": (producer, "commit_transaction", commit_unheard),
        "6": (committer._store, "save", end),
    }.get(step, (producer, "send", send_some))
    patch.setattr(owner, name, instead)


def _part(record: OutRecord, shop: Shop) -> str:
    """Return the step of the commit that a record belongs to."""
    if record.topic != shop.ledger.changelog:
        return "2"
    return "3 partition" if record.key == PARTITION_KEY else "3 users"


# ── one turn ─────────────────────────────────────────────────────────────────────────────


def test_a_commit_makes_all_of_a_turn_true(kafka: str, store: Store) -> None:
    """Outputs are there as they were made, state is stored and logged, offsets are committed."""
    shop = Shop(kafka)

    async def story() -> None:
        async with owned(shop, store) as first:
            await commit(first, shop, store, shop.first())
            await commit(first, shop, store, shop.second())
            assert contents(store) == expected(shop, shop.first(), shop.second())
            assert await rebuilt(shop) == contents(store)
            assert (await restore(store, shop.ledger, shop.cluster)).records == 0, (
                "nothing was missing"
            )

    asyncio.run(story())
    assert shop.sent() == visible(shop.first(), shop.second())
    assert shop.logged() == logged(shop.first(), shop.second())
    assert shop.position() == shop.second().position


def test_a_record_keeps_the_time_that_it_was_given(kafka: str) -> None:
    """What was re-keyed has its source record's time; Kafka gives one to everything else."""
    shop, store = Shop(kafka), MemoryStore()

    async def story() -> None:
        async with owned(shop, store) as first:
            await commit(first, shop, store, shop.second())

    asyncio.run(story())
    times = {each.value(): each.timestamp()[1] for each in read(kafka, shop.email)}
    assert times[b"a mark"] == 1_700_000_000_000
    assert times[b"exited"] > 1_700_000_000_000


def test_a_partition_keeps_to_its_number(kafka: str) -> None:
    """Changelog and offsets are those of the source partition; other partitions stay empty."""
    shop, store = Shop(kafka, partitions=2, number=1), MemoryStore()

    async def story() -> None:
        async with owned(shop, store) as first:
            await commit(first, shop, store, shop.first())
            assert await rebuilt(shop) == contents(store) == expected(shop, shop.first())
            other = MemoryStore()
            assert (
                await restore(other, replace(shop.ledger, partition=0), shop.cluster)
            ).records == 0

    asyncio.run(story())
    assert {each.partition() for each in read(kafka, shop.ledger.changelog)} == {1}
    assert shop.position() == shop.first().position


# ── crashes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", BEFORE_5)
def test_a_crash_before_step_5_changes_nothing(kafka: str, store: Store, step: str) -> None:
    """Nothing of the turn is seen or stored; the next owner takes it anew, and it is true once."""
    shop = Shop(kafka)
    one, two = shop.first(), shop.second()

    async def story() -> None:
        async with owned(shop, store) as first:
            await commit(first, shop, store, one)
            before = visible(one), logged(one), one.position
            await crash(step, first, shop, store)
            assert await asyncio.to_thread(shop.sent) == visible(one), "seen while it was open"
            async with owned(shop, store) as second:
                assert await seen(shop) == before
                assert contents(store) == await rebuilt(shop) == expected(shop, one)
                await commit(second, shop, store, two)
                assert await seen(shop) == (visible(one, two), logged(one, two), two.position)
                assert contents(store) == await rebuilt(shop) == expected(shop, one, two)

    asyncio.run(story())


@pytest.mark.parametrize("step", FROM_5)
def test_a_crash_from_step_5_on_loses_nothing(kafka: str, store: Store, step: str) -> None:
    """All of the turn is seen once, and the next owner stands after it, with any store."""
    shop = Shop(kafka)
    one, two = shop.first(), shop.second()

    async def story() -> None:
        async with owned(shop, store) as first:
            await commit(first, shop, store, one)
            await crash(step, first, shop, store)
            assert contents(store) == expected(shop, one), "the store is never ahead of the log"
            async with owned(shop, store):
                assert await seen(shop) == (visible(one, two), logged(one, two), two.position)
                assert contents(store) == await rebuilt(shop) == expected(shop, one, two)

    asyncio.run(story())


# ── two owners ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("when", ["between turns", "between two sends", "in a turn"])
def test_a_second_owner_fences_the_first(kafka: str, store: Store, when: str) -> None:
    """Once the partition is taken over, the first owner's turn fails and nothing of it counts."""
    shop = Shop(kafka)
    one, two = shop.first(), shop.second()
    zombies = MemoryStore()

    async def story() -> None:
        second = Committer(shop.ledger, shop.cluster, store)
        async with owned(shop, zombies) as first:
            await commit(first, shop, zombies, one)
            producer: Any = first._producer
            client = producer._client
            send, send_offsets = client.send_batch, producer.send_offsets_to_transaction
            taking_over: list[asyncio.Future[None]] = []

            def take_over() -> asyncio.Future[None]:
                taking_over.append(asyncio.ensure_future(second.start()))
                # A turn that fails meanwhile does not keep the second owner from starting.
                return asyncio.shield(taking_over[0])

            async def overtaken(*arguments: object) -> None:
                await take_over()
                await send_offsets(*arguments)

            async def found_out(*arguments: object, **record: object) -> object:
                sent = await send(*arguments, **record)
                await asyncio.wait([client._sender.sender_task])
                return sent

            try:
                with pytest.MonkeyPatch.context() as patch:
                    if when == "in a turn":
                        patch.setattr(producer, "send_offsets_to_transaction", overtaken)
                    else:
                        await take_over()
                    if when == "between two sends":
                        patch.setattr(client, "send_batch", found_out)
                    with pytest.raises(BrokerUnreachable, match=r"partition 0.*nothing of it"):
                        await commit(first, shop, zombies, two)
                await asyncio.wait(taking_over)
                assert contents(zombies) == expected(shop, one)
                assert await seen(shop) == (visible(one), logged(one), one.position)
                await restore(store, shop.ledger, shop.cluster)
                await commit(second, shop, store, two)
            finally:
                await second.stop()

    asyncio.run(story())
    assert (shop.sent(), shop.logged(), shop.position()) == (
        visible(one, two),
        logged(one, two),
        two.position,
    )
    assert contents(store) == expected(shop, one, two)


@pytest.mark.parametrize(
    "step", ["begin_transaction", "send", "send_offsets_to_transaction", "commit_transaction"]
)
def test_what_kafka_refuses_ends_the_owner(kafka: str, step: str) -> None:
    """An error of Kafka in any step says which partition failed; it counts, nothing is stored."""
    shop, store = Shop(kafka), MemoryStore()

    async def refuse(*_: object, **__: object) -> None:
        raise KafkaError("no")

    async def story() -> None:
        async with owned(shop, store) as first:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(first._producer, step, refuse)
                failed = metrics.COMMITS_FAILED.labels(0, "unreachable")
                before = failed._value.get()
                with pytest.raises(BrokerUnreachable, match="partition 0: the transaction failed"):
                    await commit(first, shop, store, shop.first())
                assert failed._value.get() == before + 1
            async with owned(shop, store):
                assert await seen(shop) == ([], [], OFFSET_INVALID)

    asyncio.run(story())
    assert contents(store) == contents(MemoryStore())


# ── restored stores ──────────────────────────────────────────────────────────────────────


# Each example has topics of its own: few are drawn, and each holds many users.
@settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.lists(users().filter(lambda user: "\0" not in user.id), max_size=8),
        min_size=2,
        max_size=4,
    )
)
def test_a_restored_store_equals_the_live_one(kafka: str, turns: list[list[User]]) -> None:
    """From nothing, or from half of the turns, the changelog leads to what the owner has."""
    shop, live, half = Shop(kafka), MemoryStore(), MemoryStore()
    journeys = sorted({each.journey for turn in turns for u in turn for each in u.instances})

    async def story() -> None:
        async with owned(shop, live) as owner:
            for number, turn in enumerate(turns):
                if number == len(turns) // 2:
                    await restore(half, shop.ledger, shop.cluster)
                # The last record of a user wins, within a turn as in the changelog.
                each_once = {user.id: user for user in turn}
                gone = [id_ for id_ in live.users() if id_ not in each_once][:2]
                now = Turn([], list(each_once.values()), number, number, gone)
                await commit(owner, shop, live, now)
            await restore(half, shop.ledger, shop.cluster)
            empty = MemoryStore()
            await restore(empty, shop.ledger, shop.cluster)
            assert contents(empty, journeys) == contents(live, journeys)
            assert contents(half, journeys) == contents(live, journeys)

    asyncio.run(story())


def test_a_store_ahead_of_the_changelog_is_refused(kafka: str) -> None:
    """A state directory from before its topics were recreated is not mixed with them."""
    shop, store = Shop(kafka), MemoryStore()
    store.save([], PartitionState(changelog=99))
    with pytest.raises(StateError, match=r"changelog offset 99.*remove the state directory"):
        asyncio.run(restore(store, shop.ledger, shop.cluster))
