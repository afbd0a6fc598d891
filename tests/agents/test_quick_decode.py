"""The quick way to decode: the same events, and the same refusals, for less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.decode import DecodeLimits
from journeystream.agents.quick_decode import EVERYTHING, quick_decoder
from journeystream.errors import RejectedEvent
from journeystream.events import Unread
from journeystream.journeys import Interest
from tests.agents.test_decode import REFUSED
from tests.agents.written_events import LIVE, NOW, written
from tests.decoding import decodes_alike
from tests.strategies import json_values

MODES = (LIVE, replace(LIVE, replay=True), replace(LIVE, notes=True), replace(LIVE, replies=True))
FIELDS = (
    "type",
    "event",
    "name",
    "userId",
    "anonymousId",
    "messageId",
    "properties",
    "traits",
    "context",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "receivedAt",
)
USUAL: dict[str, st.SearchStrategy[object]] = {
    "type": st.sampled_from(("track", "page", "screen", "identify", "delete")),
    "timestamp": st.sampled_from(("2024-03-01T11:00:00.123Z", "2024-03-01", "2024-03-01T12:30")),
    "sentAt": st.just("2024-03-01T10:00:00Z"),
    "receivedAt": st.just("2024-03-01T10:00:05Z"),
    "properties": st.dictionaries(st.text(max_size=4), json_values(), max_size=3),
    "context": st.dictionaries(st.text(max_size=4), json_values(), max_size=3),
}
TOO_LARGE = b'{"type":"track","event":"Order","userId":"u1","properties":{"total":1e999}}'


def written_by_many() -> st.SearchStrategy[bytes]:
    """Draw objects with an event's fields, mostly of the right kinds, each there or not."""
    drawn = {
        name: st.one_of(
            *(USUAL.get(name, st.text(min_size=1, max_size=5)),) * 5, st.just(...), json_values()
        )
        for name in FIELDS
    }
    return st.fixed_dictionaries(drawn).map(lambda fields: written(**fields))


@pytest.mark.parametrize("limits", MODES)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_alike(case: str, limits: DecodeLimits) -> None:
    """The same code and text, whichever way a record is decoded."""
    value, _ = REFUSED[case]
    decodes_alike(value, NOW, limits)


@given(written_by_many(), st.sampled_from(MODES))
def test_both_ways_agree(value: bytes, limits: DecodeLimits) -> None:
    """Of any object with an event's fields both ways make the same."""
    decodes_alike(value, NOW, limits)


@pytest.mark.parametrize("record_time", [-1_000, 0, NOW - 90_000_000_000, 1 << 62])
def test_both_ways_agree_on_times(record_time: int) -> None:
    """A record's own time is judged alike."""
    decodes_alike(written(timestamp="2024-03-01T11:00:00Z"), record_time, LIVE)
    decodes_alike(written(), record_time, LIVE)


def nested(levels: int) -> bytes:
    """Return an event with arrays in it, so many levels deep."""
    return TOO_LARGE.replace(b"1e999", b"[" * levels + b"]" * levels)


def padded(value: bytes) -> bytes:
    """Return the event with more in it than a short one has."""
    return value.replace(b'"properties"', b'"integrations":"' + b"." * 512 + b'","properties"')


@pytest.mark.parametrize(
    "value",
    [
        nested(62),
        nested(63),
        padded(nested(64)),
        nested(500),
        nested(2_000),
        TOO_LARGE.replace(b"1e999", b"[}"),
        TOO_LARGE.replace(b"1e999", b'"\xff"'),
    ],
)
def test_what_nobody_reads_is_still_json(value: bytes) -> None:
    """What is passed over is checked all the same: its encoding, its grammar, and a long one's
    depth."""  # noqa: D205, D209  one sentence
    decodes_alike(value, NOW, LIVE)


@pytest.mark.parametrize("value", [TOO_LARGE, nested(64)])
def test_what_nobody_reads_may_be_too_large_or_too_deep(value: bytes) -> None:
    """A dead letter where a short event is read; else whoever looks finds nothing."""
    decodes_alike(value, NOW, LIVE)
    decodes_alike(value.replace(b"properties", b"integrations"), NOW, LIVE)
    with pytest.raises(RejectedEvent):
        quick_decoder(LIVE, EVERYTHING)(value, NOW)
    unread = quick_decoder(LIVE, Interest())(value, NOW)
    assert isinstance(unread, Unread)
    event = unread.event()
    assert (event.name, dict(event.properties), dict(event.context)) == ("Order", {}, {})
