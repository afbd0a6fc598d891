"""What is wrong with entries, goals and moves: each at its place, with advice."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.condition_language import EventLeaf
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.errors import DefinitionError
from journeystream.project import Limits
from journeystream.validation import Known, validate_audience, validate_journey
from tests.faulty_journeys import SENT, WAIT, Written, places, problems, written
from tests.publishing_world import audience

GOALS = [{"id": f"g{n}", "condition": {"event": f"e{n}"}} for n in range(6)]


def journey(document: Written) -> JourneyDefinition:
    """Read a journey."""
    read = parse_definition(document, "a test")
    assert isinstance(read, JourneyDefinition)
    return read


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        (written(entry={"audience": "x"}), ["entry.audience"]),
        (written(entry={"include": ["pro", "x"]}), ["entry.include[1]"]),
        (written(entry={"include": ["pro"], "exclude": ["x"]}), ["entry.exclude[0]"]),
        (
            written(entry={"by_name": True}, leave_when_not_in_audience=True),
            ["leave_when_not_in_audience"],
        ),
        (written(goals=GOALS), ["goals"]),
        (written(goals=[GOALS[0], {**GOALS[1], "id": "g0"}]), ["goals[1].id", "goals[1].name"]),
        (written(goals=[GOALS[0], {**GOALS[1], "name": "g0"}]), ["goals[1].name"]),
        (
            written(goals=[{**GOALS[0], "condition": {"audience": "x"}}]),
            ["goals[0].condition.audience"],
        ),
        (written(in_flight={"move": {"old": "sent", "older": "snet"}}), ["in_flight.move.older"]),
    ],
)
def test_what_does_not_hang_together_has_its_place(document: Written, paths: list[str]) -> None:
    """Unknown audiences and steps, goals too many or named twice, a setting without meaning."""
    assert places(problems(document, audiences=("pro",))) == paths


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"trigger": {"journey": "j"}}, "entry.trigger.step"),
        ({"condition": {"event": "a"}, "reentry": "always"}, "entry.reentry"),
        (
            {"condition": {"event": "a"}, "reentry": {"after_exit": {"rest": 1}}},
            "entry.reentry.after_exit.rest",
        ),
        (
            {"condition": {"event": "a"}, "reentry": {"after_exit": {"cool_down": "soon"}}},
            "entry.reentry.after_exit.cool_down",
        ),
        (
            {"condition": {"event": "a"}, "reentry": {"every_time": {"key": "k", "most": 1001}}},
            "entry.reentry.every_time.most",
        ),
        ({"condition": {"event": "a"}, "by_name": True}, "entry"),
        ({"trigger": {"journey": "j", "step": "s"}, "already_in": True}, "entry"),
        ({"trigger": {"journey": "j", "step": "s"}, "schedule": {"every": "daily"}}, "entry"),
        ({"by_name": True, "schedule": {"every": "daily"}}, "entry"),
        (
            {
                "condition": {"event": "a"},
                "schedule": {"every": "daily"},
                "reentry": {"every_time": {"key": "k"}},
            },
            "entry",
        ),
        ({"condition": {"event": "a"}, "schedule": {"every": "hourly"}}, "entry.schedule.every"),
        ({"condition": {"event": "a"}, "schedule": {"every": "once"}}, "entry.schedule"),
        (
            {"condition": {"event": "a"}, "schedule": {"every": "daily", "all": True}},
            "entry.schedule.all",
        ),
    ],
)
def test_what_is_written_wrongly_has_its_path(entry: dict[str, Any], path: str) -> None:
    """The form of an entry is checked when it is read, down to the field."""
    with pytest.raises(DefinitionError) as refused:
        parse_definition(written(entry=entry), "a test")
    assert [problem.path for problem in refused.value.problems] == [path]


def triggered(id_: str, by: str, step: str, *steps: Written) -> JourneyDefinition:
    """Return a journey that another one's step triggers."""
    document = written(entry={"trigger": {"journey": by, "step": step}}, id=id_)
    return journey({**document, "steps": list(steps) or [SENT]})


@pytest.mark.parametrize(
    ("by", "step", "paths"),
    [
        ("j1", "sent", []),
        ("j9", "sent", ["entry.trigger.journey"]),
        ("j1", "snet", ["entry.trigger.step"]),
    ],
)
def test_a_trigger_is_a_step_that_is_there(by: str, step: str, paths: list[str]) -> None:
    """Journey and step of a trigger must exist, where it is known what does."""
    journeys = {"j1": journey(written(id="j1"))}
    j2 = triggered("j2", by, step)
    assert places(validate_journey(j2, Known(None, {}, Limits(), journeys))) == paths
    assert validate_journey(j2, Known(None, {}, Limits())) == []


def test_journeys_that_trigger_each_other_need_time() -> None:
    """A circle of triggers that takes no time is refused; a wait in it makes it a loop in time."""
    j1, j2 = triggered("j1", "j2", "sent"), triggered("j2", "j1", "sent")
    known = Known(None, {}, Limits(), {"j1": j1, "j2": j2})
    assert places(validate_journey(j2, known)) == ["entry.trigger"]
    slow = triggered("j1", "j2", "sent", WAIT, SENT)
    known = Known(None, {}, Limits(), {"j1": slow, "j2": j2})
    assert validate_journey(j2, known) == []


def test_destinations_of_an_audience_exist() -> None:
    """An audience's destinations are those of the project, each once."""
    read = parse_definition(audience("x", {"event": "a"}, destinations=["ads", "mail", "ads"]), "x")
    assert read.kind == "audience"
    known = Known(("email", "ads"), {"x": EventLeaf(event="a")}, Limits())
    assert places(validate_audience(read, known)) == ["destinations[1]", "destinations[2]"]
