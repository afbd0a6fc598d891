"""What single steps need from the rest of their journey."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.project import Limits, Project
from journeystream.publishing import check
from journeystream.validation import Known, validate_journey

CHOOSE = {
    "id": "choose",
    "type": "decide",
    "offers": [{"offer_id": "a"}],
    "store_as": "loan",
    "next": "step",
}


def problems(*steps: dict[str, Any], limits: Limits | None = None) -> list[tuple[str, str]]:
    """Return the path and message of every problem of a journey."""
    entry = {"condition": {"event": "a"}}
    document = {"id": "j", "name": "J", "entry": entry, "steps": list(steps)}
    journey = parse_definition(document, "a test's journey")
    assert isinstance(journey, JourneyDefinition)
    known = Known({"email"}, {}, limits or Limits())
    return [(each.path, each.message) for each in validate_journey(journey, known)]


def sourced(source: str) -> list[tuple[dict[str, Any], str]]:
    """Return every step that can look a value up, with the path of its source."""
    send = [{"name": "email", "attributes": {"x": source}}]
    return [
        ({"type": "send_to_destinations", "destinations": send}, "destinations[0].attributes.x"),
        ({"type": "update_profile", "changes": [{"set": "a", "from": source}]}, "changes[0].from"),
        ({"type": "enter_journey", "journey": "k", "properties": {"x": source}}, "properties.x"),
        ({"type": "wait_until", "date": source, "otherwise": {}}, "date"),
        (
            {
                "type": "decide",
                "ask": {"flow": "f", "attributes": {"x": source}},
                "timeout": {"after": "1 hour"},
                "store_as": "other",
            },
            "ask.attributes.x",
        ),
    ]


@pytest.mark.parametrize("place", range(5))
def test_a_result_is_stored_somewhere(place: int) -> None:
    """Whoever asks for a result that no decide step stores is told which there are."""
    step, _ = sourced("results.loan.0.offer_id")[place]
    assert problems(CHOOSE, {"id": "step", **step}) == []
    step, path = sourced("results.lone.0.offer_id")[place]
    assert problems(CHOOSE, {"id": "step", **step}) == [
        (f"steps[1].{path}", "no decide step stores 'lone'")
    ]


def test_the_goals_of_a_split_are_limited() -> None:
    """A split has two goals at most, unless the project's limits say otherwise."""
    onward = {"share": 50, "next": "wait"}
    paths = [{"name": "a", "control": True, **onward}, {"name": "b", **onward}]
    goals = [{"name": name, "condition": {"event": name}} for name in "xyz"]
    split = {"id": "split", "type": "percent_split", "paths": paths, "goals": goals}
    wait = {"id": "wait", "type": "wait_for_duration", "duration": "7 days"}
    assert [path for path, _ in problems(split, wait)] == ["steps[0].goals"]
    assert problems(split, wait, limits=Limits(split_goals=3)) == []


@pytest.mark.parametrize("way_on", [True, False])
def test_who_is_measured_needs_time_to_reach_a_goal(*, way_on: bool) -> None:
    """A path of a split with goals that leads to no step is told: its users reach none."""
    paths = [{"name": "a", "share": 50, "next": "wait"}, {"name": "b", "share": 50}]
    paths[1] |= {"control": True} | ({"next": "wait"} if way_on else {})
    goals = [{"name": "bought", "condition": {"event": "b"}}]
    split = {"id": "split", "type": "percent_split", "paths": paths, "goals": goals}
    wait = {"id": "wait", "type": "wait_for_duration", "duration": "7 days"}
    found = problems(split, wait)
    assert [path for path, _ in found] == ([] if way_on else ["steps[0].paths[1]"])
    assert problems({**split, "goals": []}, wait) == []


def test_a_loop_through_a_wait_until_hours_takes_no_time() -> None:
    """Inside of a window the wait is over at once, so a loop needs more than that."""
    send = {"id": "send", "type": "send_to_destinations", "destinations": ["email"], "next": "w"}
    for until, looping in (({"time": "09:00"}, 0), ({"windows": [{"days": ["mon"]}]}, 2)):
        wait = {"id": "w", "type": "wait_until", **until, "next": "send"}
        assert len(problems(send, wait)) == looping


@pytest.mark.parametrize("services", [True, False])
def test_asking_needs_a_service_to_ask(*, services: bool) -> None:
    """Where the project has no topics for decisions, a step that asks is told what to write."""
    ask = {"id": "ask", "type": "decide", "ask": {"flow": "f"}, "timeout": {"after": "1 hour"}}
    entry = {"condition": {"event": "a"}}
    document = {"id": "j", "name": "J", "entry": entry, "steps": [CHOOSE | {"next": "ask"}, ask]}
    journey = parse_definition(document, "a test's journey")
    assert isinstance(journey, JourneyDefinition)
    found = validate_journey(journey, Known({"email"}, {}, Limits(), services=services))
    assert [each.path for each in found] == ([] if services else ["steps[1].ask"])
    assert all("decisions: {requests: TOPIC, replies: TOPIC}" in each.advice for each in found)


@pytest.mark.parametrize("decisions", [None, {"requests": "asked", "replies": "answered"}])
def test_a_project_says_whether_it_has_a_service(decisions: dict[str, str] | None) -> None:
    """Publishing looks at the project file; without one at hand, any journey will do."""
    ask = {"id": "ask", "type": "decide", "ask": {"flow": "f"}, "timeout": {"after": "1 hour"}}
    entry = {"condition": {"event": "a"}}
    journey = parse_definition({"id": "j", "name": "J", "entry": entry, "steps": [ask]}, "a test's")
    project = Project.model_validate({"sources": [{"topic": "events"}], "decisions": decisions})
    assert bool(check(journey, {}, project)) is (decisions is None)
    assert check(journey, {}, None) == []
