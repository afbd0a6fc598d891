"""Notes: what others than upstream apps say of a user, as records."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.agents.notes import written
from journeystream.durations import parse_instant
from journeystream.errors import RejectedEvent
from journeystream.events import Answered, Enrolled, Erased, Listed, Moved, Note, Removed
from tests.strategies import DAY, START

OURS = DecodeLimits(
    1_000_000, clock_skew=DAY, oldest_event=parse_instant("1980-01-01"), replay=False, notes=True
)
THEIRS = DecodeLimits(
    1_000_000, clock_skew=DAY, oldest_event=parse_instant("1980-01-01"), replay=True
)
NAMES = st.text("abc_", min_size=1, max_size=9)
OBJECTS = st.dictionaries(NAMES, st.integers(0, 9) | NAMES, max_size=3)
IDS = st.none() | NAMES
ATS = st.integers(0, DAY // 1_000).map(lambda ms: START + ms * 1_000)
NOTES = (
    st.builds(Enrolled, NAMES, ATS, NAMES, OBJECTS, IDS)
    | st.builds(Listed, NAMES, ATS, NAMES, st.booleans(), IDS)
    | st.builds(Answered, NAMES, ATS, NAMES, st.lists(OBJECTS, max_size=3), IDS)
    | st.builds(Removed, NAMES, ATS, NAMES, st.none() | st.text("abc_", max_size=9), IDS)
    | st.builds(Moved, NAMES, ATS, NAMES, NAMES, IDS)
)


@given(NOTES)
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    """Nothing of it is lost or made up on the way."""
    assert decode(written(note), START + DAY, OURS) == note


@given(st.builds(Erased, NAMES, ATS))
def test_that_a_user_is_erased_comes_either_way(erased: Erased) -> None:
    """A command writes it as an app would say it in a source, so it means the same there."""
    assert decode(written(erased), START + DAY, OURS) == erased
    assert decode(written(erased), START + DAY, THEIRS) == erased


@given(NOTES)
def test_sources_carry_no_notes(note: Note) -> None:
    """What upstream apps send can not enroll anybody by name, or answer for a service."""
    with pytest.raises(RejectedEvent) as refused:
        decode(written(note), START + DAY, THEIRS)
    assert refused.value.code == "unknown_type"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"type": "enroll"}, "bad_note"),
        ({"type": "enroll", "journey": ""}, "bad_note"),
        ({"type": "enroll", "journey": 1}, "wrong_type"),
        ({"type": "enroll", "journey": "a", "properties": []}, "wrong_type"),
        ({"type": "list", "list": "vip"}, "wrong_type"),
        ({"type": "list", "list": "v" * 600, "member": True}, "bad_note"),
        ({"type": "answer", "requestId": "r", "offers": {}}, "wrong_type"),
        ({"type": "answer", "requestId": "r", "offers": [1]}, "wrong_type"),
        ({"type": "answer", "offers": []}, "bad_note"),
        ({"type": "exit"}, "bad_note"),
        ({"type": "exit", "journey": "j", "key": 7}, "wrong_type"),
        ({"type": "move", "journey": "j"}, "bad_note"),
        ({"type": "move", "journey": "j", "step": ["s"]}, "wrong_type"),
    ],
)
def test_a_bad_note_is_told(said: dict[str, object], code: str) -> None:
    """It becomes a dead letter that says what is wrong, as a bad event does."""
    with pytest.raises(RejectedEvent) as refused:
        decode(orjson.dumps({"userId": "u1", **said}), START, OURS)
    assert refused.value.code == code
