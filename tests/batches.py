"""Batches as the consumer hands them over."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord

from journeystream.agents.batch import Batch


def batch_of(*records: ConsumerRecord) -> Batch:
    """Return the batch of some records that follow each other in one partition."""
    if not records:
        return Batch("web", 0, (), 0, 0)
    first, last = records[0], records[-1]
    return Batch(first.topic, first.partition, records, first.offset, last.offset + 1)


def part_of(whole: Batch, records: Sequence[ConsumerRecord]) -> Batch:
    """Return a batch as if only these of its records had been written."""
    return Batch(whole.topic, whole.partition, records, whole.start, whole.next_offset)
