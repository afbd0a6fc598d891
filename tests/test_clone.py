"""Cloning: a published journey becomes a draft that can be published beside it."""

from __future__ import annotations

import pytest

from journeystream.commands.clone import draft
from journeystream.definitions import parse_definition
from journeystream.errors import CommandRefused
from journeystream.yaml_text import documents
from tests.publishing_world import World, journey, send, wait


def test_a_clone_is_the_journey_under_another_id() -> None:
    """It says the same but for its id, the keys set by hand, and what concerns older versions."""
    original = journey(
        "j", wait("wait", "1 hour", "sent"), send("sent", key="by_hand"), in_flight="move"
    )
    world = World(original)
    (document,) = documents(draft("j", "k", world.published))
    assert parse_definition(document, "the draft") == parse_definition(
        journey("k", wait("wait", "1 hour", "sent"), send("sent"), name="j"), "the same"
    )
    assert isinstance(document, dict)
    assert world.publish(document) == ["published as version 1"]


def test_only_what_is_published_can_be_cloned() -> None:
    """An unknown id is refused with what there is."""
    with pytest.raises(CommandRefused, match="no journey 'x' is published; published are: j"):
        draft("x", "y", World(journey("j")).published)
