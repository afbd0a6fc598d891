"""Journeys whose steps have a `config` object each."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC
from typing import Any

import pytest

from journeystream.compiler import Workshop, compile_journey
from journeystream.condition_language import AudienceLeaf, ListLeaf, TraitLeaf
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.dialects import is_config_form, translated
from journeystream.errors import DefinitionError
from journeystream.keys import keys_of
from journeystream.project import Limits
from journeystream.validation import Known, validate_journey

NURTURE: dict[str, Any] = {
    "name": "Personal Loan Nurture",
    "description": "3-week nurture journey for loan-interested customers",
    "maxDuration": 21,
    "status": "draft",
    "entryConditions": {"segments": ["loan_interested"], "minDaysSinceLastJourney": 30},
    "steps": [
        {
            "id": "step_initial_offer",
            "type": "decide",
            "config": {"decisionFlowId": "df_personal_loans", "maxOffers": 1},
        },
        {
            "id": "step_send_email",
            "type": "send",
            "config": {"channelId": "ch_email", "resultSource": "step_initial_offer"},
        },
        {"id": "step_wait_3d", "type": "wait", "config": {"duration": 3, "unit": "days"}},
        {
            "id": "step_check_response",
            "type": "branch",
            "config": {
                "conditions": [
                    {
                        "label": "Converted",
                        "expression": "outcome == 'conversion'",
                        "targetStepId": "step_end",
                    }
                ],
                "defaultTargetStepId": "step_followup",
            },
        },
    ],
}
FOLLOW_UP: dict[str, Any] = {
    "id": "step_followup",
    "type": "update",
    "config": {
        "operations": [
            {"type": "set_attribute", "key": "journey_stage", "value": "followup_sent"},
            {"type": "add_segment", "segment": "loan_interested"},
        ]
    },
}
AUDIENCES = {"loan_interested": TraitLeaf(trait="loan", equals=True)}


def read(document: object) -> JourneyDefinition:
    """Read a journey as a file is read."""
    journey = parse_definition(document, "a test's journey")
    assert isinstance(journey, JourneyDefinition)
    return journey


def nurture(*more: dict[str, Any]) -> dict[str, Any]:
    """Return the example with more steps."""
    document = deepcopy(NURTURE)
    document["steps"] += more
    del document["entryConditions"]["minDaysSinceLastJourney"]
    return document


def test_the_whole_example() -> None:
    """Each step becomes one of ours, in the order of the list."""
    assert translated(NURTURE, "") == {
        "id": "personal-loan-nurture",
        "name": "Personal Loan Nurture",
        "description": "3-week nurture journey for loan-interested customers",
        "max_duration": "21 days",
        "entry": {
            "condition": {"audience": "loan_interested"},
            "reentry": {"after_exit": {"cool_down": "30 days"}},
        },
        "steps": [
            {
                "id": "step_initial_offer",
                "type": "decide",
                "ask": {"flow": "df_personal_loans"},
                "most": 1,
                "store_as": "step_initial_offer",
                "timeout": {"after": "1 hour", "next": "step_send_email"},
                "next": "step_send_email",
            },
            {
                "id": "step_send_email",
                "type": "send_to_destinations",
                "destinations": [
                    {
                        "name": "ch_email",
                        "attributes": {"offer_id": "results.step_initial_offer.0.offer_id"},
                    }
                ],
                "next": "step_wait_3d",
            },
            {
                "id": "step_wait_3d",
                "type": "wait_for_duration",
                "duration": "3 days",
                "next": "step_check_response",
            },
            {
                "id": "step_check_response",
                "type": "multi_branch_split",
                "mode": "first_match",
                "branches": [
                    {
                        "name": "Converted",
                        "condition": "outcome == 'conversion'",
                        "next": "step_end",
                    }
                ],
                "everyone_else": {"next": "step_followup"},
            },
            {"id": "step_end", "type": "exit", "name": "End"},
        ],
    }


def test_it_can_be_published() -> None:
    """The example is valid once the step that it names and leaves out is there."""
    known = Known({"ch_email"}, AUDIENCES, Limits())
    [problem] = validate_journey(read(nurture()), known)
    assert str(problem).startswith("steps[3].everyone_else.next: there is no step 'step_followup'")
    journey = read(nurture(FOLLOW_UP))
    assert validate_journey(journey, known) == []
    workshop = Workshop(UTC, AUDIENCES, lambda _: {})
    compiled = compile_journey(journey, 1, keys_of(journey, {}, 255), workshop)
    assert list(compiled.steps)[-2:] == ["step_followup", "step_end"]


def test_a_segment_that_the_journey_fills_is_a_list() -> None:
    """What a step adds users to is a static audience; any other segment is a condition."""
    entry = read(nurture(FOLLOW_UP)).entry
    assert entry.condition == ListLeaf(list="loan_interested")
    entry = read({**NURTURE, "steps": NURTURE["steps"][:3]}).entry
    assert entry.condition == AudienceLeaf(audience="loan_interested")


def test_without_entry_conditions_users_are_enrolled() -> None:
    """Manual enrolment is what is left."""
    assert read({**nurture(), "entryConditions": {}}).entry.by_name


def step(kind: str, **config: object) -> dict[str, Any]:
    """Translate one step, which another one follows."""
    steps = [{"id": "a", "type": kind, "config": config}, deepcopy(FOLLOW_UP)]
    first: dict[str, Any] = translated({"name": "N", "steps": steps}, "")["steps"][0]
    return first


def test_sends_carry_their_creative_and_the_offer() -> None:
    """What the channel needs to write the message becomes attributes."""
    sent = step("send", channelId="ch", creativeId="v1", resultSource="loan")
    assert sent["destinations"] == [
        {
            "name": "ch",
            "attributes": {"creative_id": "text.v1", "offer_id": "results.loan.0.offer_id"},
        }
    ]


def test_updates_change_traits_and_audiences() -> None:
    """Segments that a step adds to are static audiences."""
    operations = [
        {"type": "set_flag", "key": "seen"},
        {"type": "remove_segment", "segment": "x"},
        {"type": "increment_attribute", "key": "n", "value": 2},
    ]
    assert step("update", operations=operations)["changes"] == [
        {"set": "seen", "value": True},
        {"remove_from_audience": "x"},
        {"increment": "n", "value": 2},
    ]


@pytest.mark.parametrize(
    ("expression", "condition"),
    [
        ("outcome == 'click'", {"trait": "outcome", "equals": "click"}),
        ('outcome != "click"', {"trait": "outcome", "not_equals": "click"}),
        ("score == 3", {"trait": "score", "equals": 3}),
        ("a.b == true", {"trait": "a.b", "equals": True}),
        (
            "a == 1.5 && b == 'x'",
            {"all": [{"trait": "a", "equals": 1.5}, {"trait": "b", "equals": "x"}]},
        ),
        ("score > 3", {"trait": "score", "greater_than": 3}),
        ("a == 'x && y'", {"trait": "a", "equals": "x && y"}),
        ("a == 1 || b == 2", {"any": [{"trait": "a", "equals": 1}, {"trait": "b", "equals": 2}]}),
    ],
)
def test_expressions(expression: str, condition: dict[str, Any]) -> None:
    """They are conditions in one string, with other signs for and, and or."""
    branch = {"label": "L", "expression": expression, "targetStepId": "step_followup"}
    steps = [{"id": "a", "type": "branch", "config": {"conditions": [branch]}}, FOLLOW_UP]
    first = read({"name": "N", "steps": steps}).steps[0]
    [(_, read_as)] = first.conditions()
    assert read_as.model_dump(by_alias=True, exclude_unset=True) == condition
    assert dict(first.targets())["everyone_else.next"] == "step_followup"


def test_all_that_has_no_translation_is_told() -> None:
    """Each step with a problem is named, with what it lacks."""
    steps: list[object] = [
        {"id": "a", "type": "dance", "config": {}},
        {"id": "b", "type": "wait", "config": {"duration": 3, "unit": "fortnights"}},
        {"id": "c", "type": "send", "config": {}},
        {"id": "d", "type": "update", "config": {"operations": [{"type": "explode"}]}},
        {"id": "e", "type": "branch", "config": {"conditions": [{"expression": "maybe"}]}},
    ]
    steps += [{"id": "f", "type": "wait"}, "nothing"]
    with pytest.raises(DefinitionError) as raised:
        parse_definition({"name": "N", "entryConditions": ["vip"], "steps": steps}, "file")
    assert [problem.path for problem in raised.value.problems] == [
        "entryConditions",
        *(f"steps[{index}].config" for index in range(7)),
    ]
    assert "'channelId' is missing" in str(raised.value)


@pytest.mark.parametrize("document", [None, [], {}, {"steps": 1}, {"steps": [{"type": "exit"}]}])
def test_our_own_form_is_left_alone(document: object) -> None:
    """Only steps with a `config` make a document one of the other form."""
    assert not is_config_form(document)
    assert is_config_form(NURTURE)
