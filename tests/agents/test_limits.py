"""Changelogs as brokers leave them: really compacted, or cut off at the front.

Nothing is simulated here: the broker compacts, and the broker deletes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

# Not from `admin`, which has them too but does not export them for type checkers.
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource

from journeystream.agents.commit import Committer
from journeystream.agents.recovery import restore
from journeystream.errors import StateError
from journeystream.state.memory import MemoryStore
from journeystream.user import User
from tests.agents.shop import Shop, Turn, changes_by, contents, state_after
from tests.brokers import Broker
from tests.brokers.clients import SECONDS, client, first_and_next_offset
from tests.state.store_contract import waiting

COMPACTING = {
    # The smallest segments that Kafka 4 allows, closed at once, compacted whatever they save.
    "segment.bytes": "1048576",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "1",
}
COMPACTED_WITHIN = 80.0  # seconds; Kafka's cleaner looks for work every 15
PAD = "x" * 10_000


def test_a_compacted_changelog_restores_the_same_state(kafka_broker: Broker) -> None:
    """Once the broker has thrown away what is overwritten, a new worker ends up with the same."""
    shop, live = Shop(kafka_broker.bootstrap), MemoryStore()
    _set(shop, COMPACTING)
    turns = [_turn(number) for number in range(40)]
    asyncio.run(_commit(shop, live, turns))
    before = asyncio.run(_restored(shop, MemoryStore()))
    # A broker that does not compact leaves a state that must be the same all the same.
    deadline = time.monotonic() + (COMPACTED_WITHIN if kafka_broker.full else 0.0)
    after = before
    last = len(turns)
    while after > before // 2 and time.monotonic() < deadline:
        # Only closed segments are compacted: a later record closes them.
        asyncio.run(_commit(shop, live, [_turn(last)]))
        last += 1
        after = asyncio.run(_restored(shop, MemoryStore()))
    sys.stdout.write(f"compaction: {before} records before, {after} after\n")
    assert after < before or not kafka_broker.full, "nothing was compacted"
    empty, half = MemoryStore(), MemoryStore()
    asyncio.run(_restored(shop, empty))
    assert contents(empty) == contents(live)
    # A store that was half-way when the broker threw away what it would have read next.
    half.save(changes_by(half, turns[0].users), state_after(shop, turns[0]))
    position = half.partition()
    position.changelog = 21
    half.save([], position)
    asyncio.run(_restored(shop, half))
    assert contents(half) == contents(live)


def test_a_changelog_that_lost_its_beginning_is_refused(kafka: str) -> None:
    """An empty store is refused with what to do; one that needs nothing of what is gone goes on."""
    shop, live = Shop(kafka), MemoryStore()
    asyncio.run(_commit(shop, live, [_turn(0), _turn(1)]))
    fresh_enough = MemoryStore()
    asyncio.run(_restored(shop, fresh_enough))
    cut = fresh_enough.partition().changelog
    asyncio.run(_commit(shop, live, [_turn(2)]))
    _set(shop, {"cleanup.policy": "delete"})  # else the broker refuses to delete
    _cut_off(shop, cut)
    with pytest.raises(StateError, match=rf"begins at {cut}: what lies between was deleted") as no:
        asyncio.run(_restored(shop, MemoryStore()))
    assert "bring back a state directory" in str(no.value)
    assert asyncio.run(_restored(shop, fresh_enough)) > 0
    assert contents(fresh_enough) == contents(live)


def _turn(number: int) -> Turn:
    """Return a turn in which 20 users change, and one comes who stays as they are."""
    users = [waiting(f"u{each}", 1_000 * number + each) for each in range(20)]
    for user in users:
        user.traits = {"turn": number, "pad": PAD}
    return Turn([], [*users, User(f"once-{number}", traits={"n": number})], number, number)


async def _commit(shop: Shop, store: MemoryStore, turns: Sequence[Turn]) -> None:
    """Own the partition for a while, as a worker does."""
    committer = Committer(shop.ledger, shop.cluster, store)
    try:
        await committer.start()
        await restore(store, shop.ledger, shop.cluster)
        for turn in turns:
            await committer.commit(
                turn.outputs,
                changes_by(store, turn.users),
                state_after(shop, turn),
                {shop.source: turn.position},
            )
    finally:
        await committer.stop()


async def _restored(shop: Shop, store: MemoryStore) -> int:
    """Restore the store, and return how many records that took."""
    return (await restore(store, shop.ledger, shop.cluster)).records


def _set(shop: Shop, config: dict[str, str]) -> None:
    """Change settings of the changelog."""
    changed = ConfigResource(
        ConfigResource.Type.TOPIC,
        shop.ledger.changelog,
        incremental_configs=[
            ConfigEntry(name, text, incremental_operation=AlterConfigOpType.SET)
            for name, text in config.items()
        ],
    )
    admin = AdminClient(client(shop.bootstrap))
    [done] = admin.incremental_alter_configs([changed]).values()
    done.result(SECONDS)


def _cut_off(shop: Shop, before: int) -> None:
    """Let the broker delete the changelog's records before an offset."""
    admin = AdminClient(client(shop.bootstrap))
    [done] = admin.delete_records([TopicPartition(shop.ledger.changelog, 0, before)]).values()
    done.result(SECONDS)
    assert first_and_next_offset(shop.bootstrap, shop.ledger.changelog)[0] == before
