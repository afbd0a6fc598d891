"""Where a key belongs: the partition that a plain Kafka producer chooses for it."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=100_000)  # the hash is computed in Python; users come again
def home_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key in a topic of so many partitions."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
