"""Conditions: what may be written where, and what makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.definitions import parse_definition
from journeystream.errors import DefinitionError
from journeystream.project import Limits
from journeystream.validation import Known, validate_audience, validate_journey
from tests.faulty_journeys import places
from tests.strategies import journey_of
from tests.test_condition_text import read
from tests.test_validation import audience

Written = dict[str, Any]


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ({"trait": "plan", "changed": True, "since": "entry"}, ["condition.since"]),
        ({"sequence": ["a", "b"], "since": "step"}, ["condition.since"]),
        (
            {"inaction": {"did": "a", "without": "b", "within": "1 day", "since": "entry"}},
            ["condition.inaction.since"],
        ),
        (
            {"sequence": ["a", {"event": "b", "where": {"n": {"equals_entry": "n"}}}]},
            ["condition.sequence[1].where.n.equals_entry"],
        ),
        ({"not": {"trait": "computed.spent", "at_least": 5}}, ["condition.not.trait"]),
        ({"trait": "computed.total", "at_least": 5}, []),
        ({"trait": "computed", "exists": True}, []),
    ],
)
def test_what_is_not_there_is_reported(written: Written, where: list[str]) -> None:
    """Outside of a journey there is no entry; computed traits must be published."""
    known_ = Known((), {}, Limits(), computed={"total"})
    assert places(validate_audience(audience(written), known_)) == where


def test_in_a_step_there_is_an_entry_and_a_step() -> None:
    """In the same way nothing is wrong where a user has entered."""
    leaf = {"event": "a", "where": {"n": {"equals_entry": "n"}}, "since": "step"}
    sent = {"id": "s", "type": "send_to_destinations", "destinations": ["email"]}
    wait = {"id": "w", "type": "wait_for_condition", "condition": leaf, "next": "s"}
    written = {"id": "j", "name": "J", "entry": {"condition": "event('x')"}, "steps": [wait, sent]}
    assert validate_journey(journey_of(written), Known(None, {}, Limits())) == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"trait": "x", "has_been": 1}, "write `has_been` and `for` together"),
        ({"trait": "x", "equals": 1, "within": "1 day"}, "go with `changed`"),
        ({"trait": "x", "changed": True, "within": "1 day", "since": "entry"}, "not both"),
        ({"trait": "computed.x", "changed": True}, "compare its value"),
        ({"journey": "a", "is": "at_step"}, "`step` goes with"),
        ({"journey": "a", "is": "in", "goal": "g"}, "`goal` goes with"),
        ({"journey": "a", "is": "in", "reason": "r"}, "`reason` goes with"),
        ({"journey": "a", "is": "has_exited", "reason": "r", "within": "1 day"}, "`within` goes"),
        ({"journey": "a"}, "is missing"),
        ({"sequence": ["a"]}, "at least 2 items"),
        ({"inaction": {"did": "a", "without": "b"}}, "is missing"),
        (
            {"event": "a", "where": {"n": {"equals_entry": "n"}}, "at_least": 100},
            "fewer than 100 events",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(written: Written, said: str) -> None:
    """Fields that do not go together are refused, with what to write."""
    document = {"kind": "audience", "id": "x", "name": "X", "condition": written}
    with pytest.raises(DefinitionError, match=said):
        parse_definition(document, "test")


def test_a_segment_is_an_audience() -> None:
    """Whoever looks for the other word finds the same thing."""
    assert read({"segment": "vips"}) == read({"audience": "vips"})
