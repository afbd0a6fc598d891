"""Any lines as a partition's log, one record's value on each.

Law: bad records between good ones change nothing. The state after the whole log is, byte for
byte, the state after the good records alone, and so are the effects; each bad one has its
dead letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aiokafka.structs import ConsumerRecord

from journeystream.agents.intake import Intake, Sorter
from journeystream.effects import StepMembership
from journeystream.events import Event
from tests.batches import batch_of, part_of
from tests.fuzz.published import rules
from tests.fuzz.target import Target
from tests.fuzz.targets.events import LIMITS, NOW
from tests.fuzz.targets.events import seeds as values
from tests.playing import Partition, Stored
from tests.strategies import DAY

SORTER = Sorter(LIMITS[1], "app.dead-letters")
_MOST = 12


def holds(data: bytes) -> None:
    """Play the lines, then those alone that were accepted, and compare."""
    records = [_record(line, offset) for offset, line in enumerate(data.split(b"\n")[:_MOST])]
    whole = SORTER.sort(batch_of(*records))
    good = [record for record, entry in zip(records, whole.entries, strict=True) if entry]
    assert len(whole.letters) == len(records) - len(good)
    alone = SORTER.sort(part_of(batch_of(*records), good))
    assert not alone.letters
    assert _played(whole) == _played(alone)


def _played(intake: Intake) -> tuple[Stored, list[StepMembership]]:
    """Play what was sorted in two turns, then let time pass."""
    partition = Partition(rules())
    # The places of bad records are None: a turn passes over them.
    entries = cast("list[Event]", intake.entries)
    partition.take(entries)
    partition.take([], until=NOW + 90 * DAY)
    return partition.stored(), partition.effects


def _record(value: bytes, offset: int) -> ConsumerRecord:
    # A line of nothing is a record without a value.
    return ConsumerRecord(
        topic="web",
        partition=0,
        offset=offset,
        timestamp=NOW // 1_000,
        timestamp_type=0,
        key=b"u1",
        value=value or None,
        checksum=None,
        serialized_key_size=2,
        serialized_value_size=len(value),
        headers=(),
    )


def seeds() -> Sequence[bytes]:
    """Return logs of good records, with bad ones between them."""
    good = list(values())
    bad = [b"", b"{", b"[]", b'{"type":"track","userId":"u1"}', b'{"type":"page","userId":1}']
    mixed = [line for pair in zip(good, [*bad, *bad], strict=False) for line in pair]
    return [b"\n".join(good), b"\n".join(mixed), b"\n".join(reversed(mixed)), b"\n".join(bad)]


TARGET = Target("batches", "bad records between good ones change nothing", holds, seeds)
