"""Bringing a partition's store to where the changelog is.

Law: recovery reads committed records only, from the changelog offset that the store carries
to the end as it is once the previous owner is fenced. It applies records in bulk, the last of
a user winning, and may be killed anywhere: what it saved says how far it came.
"""

from __future__ import annotations

import logging

from aiokafka import AIOKafkaConsumer, TopicPartition

from journeystream import metrics
from journeystream.agents.commit import PARTITION_KEY, USER_KEY, Ledger
from journeystream.errors import StateError
from journeystream.state.codec import decode_partition, decode_user
from journeystream.state.store import Store, change_of
from journeystream.user import NOBODY

_log = logging.getLogger(__name__)
_AT_ONCE = 10_000  # records per save: bounds memory, and what a kill in between costs
_WAIT_MS = 200


async def restore(store: Store, ledger: Ledger, bootstrap: str) -> int:
    """Apply what the store lacks of its changelog; return how many records that were."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    await consumer.start()
    try:
        return await _restore(consumer, store, ledger)
    finally:
        await consumer.stop()


async def _restore(consumer: AIOKafkaConsumer, store: Store, ledger: Ledger) -> int:
    tp = TopicPartition(ledger.changelog, ledger.partition)
    consumer.assign([tp])
    first = (await consumer.beginning_offsets([tp]))[tp]
    end = (await consumer.end_offsets([tp]))[tp]
    start = max(store.partition().changelog, first)
    if start > end:
        raise StateError(
            f"partition {ledger.partition}: the state directory is at changelog offset {start}, "
            f"but {ledger.changelog} ends at {end}; it was recreated: remove the state directory"
        )
    consumer.seek(tp, start)
    restored = 0
    while (position := await consumer.position(tp)) < end:
        fetched = await consumer.getmany(tp, timeout_ms=_WAIT_MS, max_records=_AT_ONCE)
        records = fetched.get(tp, [])
        if not records and await consumer.position(tp) == position:
            continue
        _apply(store, {record.key: record.value for record in records}, await consumer.position(tp))
        restored += len(records)
    if restored:
        metrics.RESTORED.labels(ledger.partition).inc(restored)
        _log.info("partition %s: restored %s changelog records", ledger.partition, restored)
    return restored


def _apply(store: Store, latest: dict[bytes, bytes], position: int) -> None:
    records = {
        key[len(USER_KEY) :].decode(): record
        for key, record in latest.items()
        if key.startswith(USER_KEY)
    }
    known = store.load(records.keys())
    changes = [
        change_of(
            decode_user(user_id, record),
            known[user_id].derived() if user_id in known else NOBODY,
        )
        for user_id, record in records.items()
    ]
    data = latest.get(PARTITION_KEY)
    partition = store.partition() if data is None else decode_partition(data)
    partition.changelog = position
    store.save(changes, partition)
