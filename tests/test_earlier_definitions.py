"""Definitions of earlier forms still load, and mean what they meant."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from journeystream.control_log import Published
from journeystream.definitions import AudienceDefinition, JourneyDefinition, read_definitions
from journeystream.publishing import check, workshop_of
from tests.publishing_world import PROJECT

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_file_of_an_earlier_form_is_right_and_its_examples_hold(file: Path) -> None:
    """Nothing in it is a problem now, and it does what it said."""
    read = read_definitions(file)
    audiences = {each.id: each.condition for each in read if isinstance(each, AudienceDefinition)}
    assert any(isinstance(each, JourneyDefinition) and each.examples for each in read)
    for each in read:
        assert check(each, audiences, PROJECT) == []


def test_heads_of_an_earlier_form_are_read() -> None:
    """What the control topic held before there were holds and reviews is still read."""
    published = Published()
    published.apply(b"journey/j", orjson.dumps({"state": "paused", "version": 2, "retries": 1}))
    published.apply(b"journey/k", orjson.dumps({"state": "live", "version": 1}))
    compiled = published.compiled(workshop_of(PROJECT))
    assert compiled.held == frozenset()
    assert compiled.reviews == {"j": 0, "k": 0}
    assert compiled.retries == {"j": 1, "k": 0}
