"""What one user hands over to another, as records of the re-keying topic."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.agents.handing_over import hand_over, value_of
from journeystream.errors import RejectedEvent
from journeystream.events import Adopted, Claimed, Event, Message
from journeystream.state.codec import encode_user
from tests.strategies import DAY, START, json_values, users

OURS = DecodeLimits(1_000_000, clock_skew=0, oldest_event=0, replay=False, notes=True)
IDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=9)
ATS = st.integers(0, DAY).map(lambda micros: START + micros)
OBJECTS = st.dictionaries(st.text(max_size=4), json_values(), max_size=2)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw events as they are decoded."""
    kind = draw(st.sampled_from(("track", "page", "screen", "identify", "group", "alias")))
    anonymous = draw(st.booleans())
    claims = kind in ("identify", "alias") and not anonymous
    user_id = draw(IDS)
    previous = draw(IDS | st.just("")) if claims else ""
    return Event(
        user_id,
        kind,
        draw(IDS) if kind in ("track", "page", "screen") else "",
        draw(ATS),
        draw(OBJECTS),
        draw(OBJECTS),
        draw(st.none() | IDS),
        anonymous,
        "" if previous == user_id else previous,
    )


@st.composite
def adoptions(draw: st.DrawFn) -> Adopted:
    """Draw adoptions of whatever a record can hold."""
    record = draw(users())
    trail = (record.id, *draw(st.lists(IDS, max_size=2)))
    return Adopted(draw(IDS), draw(ATS), record, trail, draw(IDS))


MESSAGES = events() | st.builds(Claimed, IDS, ATS, IDS, st.booleans()) | adoptions()


@settings(deadline=None)
@given(MESSAGES)
def test_what_is_read_is_what_was_written(message: Message) -> None:
    """Nothing is lost or made up on the way, not a microsecond, though clocks may differ."""
    record = hand_over("passage", lambda: START)(message)
    assert (record.topic, record.key) == ("passage", message.user_id.encode())
    assert record.timestamp_ms is not None
    found = decode(record.value, record.timestamp_ms * 1_000, OURS)
    assert found == message
    if isinstance(found, Adopted) and isinstance(message, Adopted):
        assert encode_user(found.record) == encode_user(message.record)


@settings(deadline=None)
@given(st.builds(Claimed, IDS, ATS, IDS, st.booleans()) | adoptions())
def test_sources_carry_no_moves(message: Message) -> None:
    """What upstream apps send can not take over anybody but by an event that says so."""
    with pytest.raises(RejectedEvent) as refused:
        decode(value_of(message), START + 2 * DAY, replace(OURS, notes=False))
    assert refused.value.code == "unknown_type"


@pytest.mark.parametrize(
    "said",
    [
        {"type": "claim", "at": 1},
        {"type": "claim", "by": "k"},
        {"type": "claim", "by": "k", "at": "1"},
        {"type": "claim", "by": "k", "at": True},
        {"type": "adopt", "at": 1, "trail": ["a"], "messageId": "m"},
        {"type": "adopt", "at": 1, "trail": [], "messageId": "m", "record": "\x03[]"},
        {"type": "adopt", "at": 1, "trail": ["a"], "messageId": "m", "record": "\x03[]"},
        {"type": "adopt", "at": 1, "trail": ["a"], "messageId": "m", "record": "\x7f[]"},
    ],
)
def test_a_move_that_can_not_be_read_is_kept_as_a_dead_letter(said: dict[str, object]) -> None:
    """What a newer version wrote can be replayed after the upgrade."""
    with pytest.raises(RejectedEvent) as refused:
        decode(orjson.dumps({"userId": "u1", **said}), START, OURS)
    assert refused.value.code == "bad_note"
    assert len(refused.value.text) < 300
