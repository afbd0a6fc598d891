"""A journey in which nothing is wrong but what a test changes, and where its problems are."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from journeystream.condition_language import EventLeaf
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.errors import Problem
from journeystream.project import Limits
from journeystream.validation import Known, validate_journey

Written = dict[str, Any]

WAIT: Written = {"id": "wait", "type": "wait_for_duration", "duration": "1 day", "next": "sent"}
SENT: Written = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
OTHER: Written = {**SENT, "id": "other"}
_SOMETHING = EventLeaf(event="something")


def written(**changes: object) -> Written:
    """Write a journey in which nothing is wrong but the changes."""
    return {
        "id": "j",
        "name": "Journey",
        "entry": {"condition": {"event": "a"}},
        "steps": [deepcopy(WAIT), deepcopy(SENT)],
        **changes,
    }


def split(**changes: object) -> Written:
    """Write a true/false split between two send steps."""
    return {
        "id": "split",
        "type": "true_false_split",
        "condition": {"event": "b"},
        "if_true": {"next": "sent"},
        "if_false": {"next": "other"},
        **changes,
    }


def problems(
    document: Written,
    *,
    limits: Written | None = None,
    audiences: tuple[str, ...] = (),
) -> list[Problem]:
    """Return what is wrong with a journey whose form is right."""
    journey = parse_definition(document, "test")
    assert isinstance(journey, JourneyDefinition)
    known = Known(
        ("email", "ads"),
        dict.fromkeys(audiences, _SOMETHING),
        Limits.model_validate(limits or {}),
    )
    return validate_journey(journey, known)


def places(found: list[Problem]) -> list[str]:
    """Return where the problems are; each must say what is wrong and what to do."""
    for problem in found:
        assert problem.message
        assert problem.advice
        assert str(problem).startswith(f"{problem.path}: ")
    return [problem.path for problem in found]
