"""The page on explaining: what it shows is what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from journeystream.control_log import Published
from journeystream.definitions import parse_definition
from journeystream.durations import parse_instant
from journeystream.events import Event
from journeystream.publishing import publish
from journeystream.yaml_text import documents
from tests.explained import Stage
from tests.publishing_world import PROJECT
from tests.strategies import START

PAGE = (Path(__file__).parents[1] / "docs" / "explain.md").read_text(encoding="utf-8")
(JOURNEY,) = re.findall(r"```yaml journey\n(.*?)```", PAGE, re.DOTALL)
MEMBER = {"member_since": "2023-03-15"}
EVENTS = (
    Event("u1", "identify", "", parse_instant("2024-03-01T11:00:00"), MEMBER),
    Event("u1", "track", "Product Added", parse_instant("2024-03-01T12:00:00")),
    Event("u1", "track", "Order Completed", parse_instant("2024-03-01T14:00:00")),
)


@pytest.mark.parametrize(
    ("name", "at"), [("inside", "2024-03-01T12:30:00"), ("outside", "2024-03-01T14:00:00")]
)
def test_the_page_shows_what_is_printed(name: str, at: str) -> None:
    """The journey of the page, played with what the page says of the user, is explained so."""
    published = Published()
    definitions = [parse_definition(each, "the page") for each in documents(JOURNEY)]
    for publication in publish(definitions, published, PROJECT, START):
        for key, value in publication.records:
            published.apply(key, value)
    stage, now = Stage(published), parse_instant(at)
    stage.play(*(event for event in EVENTS if event.at <= now), until=now)
    (shown,) = re.findall(rf"```text {name}\n(.*?)```", PAGE, re.DOTALL)
    assert stage.told("u1", now) == shown.splitlines()
