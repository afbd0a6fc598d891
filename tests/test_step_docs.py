"""The reference of steps is complete, and each of its examples is what a journey may say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from journeystream.calendars.hours import Hours
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.project import Limits
from journeystream.sending import Cap, Sending
from journeystream.steps import Step
from journeystream.validation import Known, validate_journey
from tests.steps.test_all_steps import MEMBERS, type_of

PAGE = (Path(__file__).parents[1] / "docs" / "journeys.md").read_text(encoding="utf-8")
SENT = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
STEPS: TypeAdapter[Step] = TypeAdapter(Step)


def blocks(language: str) -> list[dict[str, Any]]:
    """Return the page's examples of a kind."""
    found = re.findall(rf"```yaml {language}\n(.*?)```", PAGE, re.DOTALL)
    return [YAML(typ="safe").load(text) for text in found]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.__name__)
def test_each_type_has_its_heading_and_example(member: type) -> None:
    """Whoever looks for a step type finds it, with an example."""
    name = type_of(member)
    assert f"#### `{name}`" in PAGE
    assert any(block["type"] == name for block in blocks("step"))


@pytest.mark.parametrize("written", blocks("step"), ids=lambda written: written["id"])
def test_each_step_can_be_read(written: dict[str, Any]) -> None:
    """An example of a step is one."""
    assert STEPS.validate_python(written).id == written["id"]


def test_each_field_of_a_step_is_shown() -> None:
    """The examples together use every field of every step type, mode and operation."""
    shown: dict[str, set[str]] = {}
    for block in blocks("step"):
        shown.setdefault(block["type"], {"key"}).update(block)
    for member in MEMBERS:
        fields = {field.alias or name for name, field in member.model_fields.items()}
        assert fields - {"name"} <= shown[type_of(member)], member


@pytest.mark.parametrize("written", blocks("sending"))
def test_each_policy_can_be_read(written: dict[str, Any]) -> None:
    """An example of a journey's settings makes a valid journey."""
    entry = {"condition": {"event": "a"}}
    journey = parse_definition(
        {"id": "j", "name": "J", "entry": entry, "steps": [SENT]} | written, ""
    )
    assert isinstance(journey, JourneyDefinition)
    assert validate_journey(journey, Known({"email"}, {}, Limits())) == []


def test_each_field_of_a_policy_is_shown() -> None:
    """The page names all that can be said about sends."""
    for model in (Sending, Cap, Hours):
        for name, field in model.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", PAGE), name


def test_the_other_form_is_read() -> None:
    """The example of the other form becomes a valid journey."""
    [written] = blocks("config")
    journey = parse_definition(written, "the page")
    assert isinstance(journey, JourneyDefinition)
    assert validate_journey(journey, Known({"ch_email"}, {}, Limits())) == []
    assert [step.type for step in journey.steps] == [
        "decide",
        "send_to_destinations",
        "wait_for_duration",
        "multi_branch_split",
        "update_profile",
        "exit",
    ]
