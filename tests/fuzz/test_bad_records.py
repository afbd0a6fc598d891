"""Bad records between good ones: journeys, users and effects are as if they had not come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import orjson
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.decode import DecodeLimits
from journeystream.agents.intake import Sorter
from journeystream.durations import iso, parse_instant
from journeystream.engine import Rules
from journeystream.events import Event
from tests.batches import batch_of
from tests.law_settings import laws
from tests.playing import Partition
from tests.strategies import DAY, END_OF_TIME, Cuts, Project, cut, cuts, logs, projects, rules_of

SORTER = Sorter(
    DecodeLimits(1_000, clock_skew=DAY, oldest_event=parse_instant("1980-01-01"), replay=True),
    "app.dead-letters",
)
# Each is refused for another reason, and most of them name a user who has a journey.
BAD: tuple[bytes | None, ...] = (
    None,
    b"",
    b"\xff\xfe",
    b"{",
    b"[]",
    b'{"type":"track","event":"a"}',
    b'{"type":"track","userId":"u1"}',
    b'{"type":"track","userId":"u1","event":"a","properties":[]}',
    b'{"type":"track","userId":"u1","event":"a","timestamp":"soon"}',
    b'{"type":"track","userId":"u1","event":"a","timestamp":"1970-01-01T00:00:00Z"}',
    b'{"type":"track","userId":"u1","event":"a","timestamp":"2100-01-01T00:00:00Z"}',
    b'{"type":"identify","userId":"u1","traits":"pro"}',
    b'{"type":"order","userId":"u1","event":"a"}',
    b'{"type":"clock","timestamp":"soon"}',
    b'{"type":"track","userId":"u1","event":"a","properties":' + b'{"a":' * 70 + b"1" + b"}" * 71,
    b'{"type":"track","userId":"u1","event":"' + b"a" * 1_000 + b'"}',
)


def written(event: Event) -> bytes:
    """Write an event as an app does."""
    field = {"track": "event", "page": "name"}.get(event.kind)
    return orjson.dumps(
        {
            "type": event.kind,
            "userId": event.user_id,
            **({field: event.name, "properties": event.properties} if field else {}),
            **({} if field else {"traits": event.properties}),
            "timestamp": iso(event.at),
            "messageId": event.message_id,
        }
    )


def play(rules: Rules, values: Sequence[bytes | None], sizes: Cuts) -> Partition:
    """Sort and apply the records in batches, then let time pass."""
    partition = Partition(rules)
    entries = SORTER.sort(batch_of(*map(_record, values))).entries
    # A turn passes over the places of bad records, which are None.
    for batch in cut(cast("list[Event]", entries), sizes):
        partition.take(batch)
    partition.take([], until=END_OF_TIME)
    return partition


def _record(value: bytes | None) -> ConsumerRecord:
    return ConsumerRecord(
        topic="web",
        partition=0,
        offset=0,
        timestamp=END_OF_TIME // 1_000,
        timestamp_type=0,
        key=b"u1",
        value=value,
        checksum=None,
        serialized_key_size=2,
        serialized_value_size=len(value or b""),
        headers=(),
    )


def test_every_bad_record_is_refused() -> None:
    """What the law below calls bad is bad, each of them."""
    intake = SORTER.sort(batch_of(*map(_record, BAD)))
    assert intake.entries == [None] * len(BAD)
    assert len(intake.letters) == len(BAD)


@laws
@given(projects(), logs(with_ids=True), st.data(), cuts(), cuts())
def test_bad_records_between_good_ones_change_nothing(
    project: Project, log: list[Event], data: st.DataObject, first: Cuts, second: Cuts
) -> None:
    """State and effects are those of the good records alone, wherever the bad ones stand."""
    good = [written(event) for event in log]
    mixed: list[bytes | None] = []
    for value in good:
        mixed += data.draw(st.lists(st.sampled_from(BAD), max_size=2))
        mixed.append(value)
    rules = rules_of(*project)
    alone, among_bad_ones = play(rules, good, first), play(rules, mixed, second)
    assert among_bad_ones.stored() == alone.stored()
    assert among_bad_ones.effects == alone.effects
