"""Notes on users that the API takes: none of them can become a dead letter."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from journeystream.agents.decode import DEEPEST, DecodeLimits, decode
from journeystream.agents.fields import is_deeper
from journeystream.agents.notes import written
from journeystream.api.people import Enrolment, Leaving, Move, UserId
from journeystream.durations import parse_instant
from journeystream.events import Listed, Note
from journeystream.named_users import enrolled, moved, removed
from tests.strategies import DAY, START

OURS = DecodeLimits(
    sys.maxsize,
    clock_skew=DAY,
    oldest_event=parse_instant("1980-01-01"),
    replay=False,
    notes=True,
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["\0", " ", "x" * 512, "x" * 513]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False,
    allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def is_read(note: Note) -> None:
    """Check that a worker reads a note as it was meant."""
    assert decode(written(note), START + DAY, OURS) == note


@given(TEXTS, st.dictionaries(TEXTS, JSON, max_size=3))
def test_who_is_let_in_can_be_read(user: str, properties: dict[str, object]) -> None:
    """An enrolment that is taken is one, whatever the properties."""
    body = {"users": [{"userId": user, "properties": properties}]}
    try:
        [person] = Enrolment.model_validate(body).users
    except ValidationError:
        assert not 0 < len(user) <= 512 or "\0" in user
        return
    is_read(enrolled(person.user_id, START, "journey", person.properties, "key"))


@given(TEXTS, TEXTS, TEXTS)
def test_who_is_moved_can_be_read(user: str, key: str, step: str) -> None:
    """A user who is taken out, moved or put on a list is named so that a worker knows them."""
    try:
        user = TypeAdapter[str](UserId).validate_python(user)
        leaving, move = Leaving.model_validate({"key": key}), Move.model_validate({"step": step})
    except ValidationError:
        return
    is_read(removed(user, START, "journey", leaving.key, "key"))
    is_read(moved(user, START, "journey", move.step, "key"))
    is_read(Listed(user, START, step, joins=True, message_id="id"))


@pytest.mark.parametrize("depth", [DEEPEST - 4, DEEPEST - 3])
def test_what_is_as_deep_as_a_body_may_be_can_be_read(depth: int) -> None:
    """The deepest properties that a body holds are not too deep for a worker."""
    inner: object = 1
    for _ in range(depth):
        inner = [inner]
    body = {"users": [{"userId": "u", "properties": {"x": inner}}]}
    assert is_deeper(body, DEEPEST) == (depth == DEEPEST - 3)
    if not is_deeper(body, DEEPEST):
        is_read(enrolled("u", START, "journey", {"x": inner}, "key"))
