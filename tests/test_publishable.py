"""What is published can be read back: nothing is accepted that JSON can not carry."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.definitions import parse_definition
from journeystream.errors import DefinitionError
from journeystream.publishing import check

SENT = {"id": "s", "type": "send_to_destinations", "destinations": ["email"]}


def _journey(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  any field of a definition
    entry = {"condition": {"event": "Order"}}
    return {"id": "j", "name": "J", "entry": entry, "steps": [SENT], **changes}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1 << 64])
def test_a_number_that_json_lacks_is_refused_with_its_place(number: float) -> None:
    """A value of a filter that would come back as another one is a problem of that field."""
    condition = {"event": "Order", "where": {"price": {"less_than": number}}}
    with pytest.raises(DefinitionError) as caught:
        parse_definition(_journey(entry={"condition": condition}), "file")
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["entry.condition.where.price.less_than"]


@pytest.mark.parametrize("number", [float("nan"), 1 << 64])
def test_an_example_that_json_can_not_carry_is_refused(number: float) -> None:
    """Free-form parts are checked as a whole before anything is written."""
    events = [{"event": "Order", "properties": {"price": number}}]
    example = {"name": "e", "events": events, "expect": [{"enters": "s"}]}
    [problem] = check(parse_definition(_journey(examples=[example]), "file"), {}, None)
    assert problem.path == "document"


def test_a_split_may_not_double_in_a_loop() -> None:
    """Two branches that lead back to their split would double a user's places each round."""
    branches = [
        {"name": name, "condition": {"event": "Order"}, "next": "wait"} for name in ("a", "b")
    ]
    split: dict[str, Any] = {"id": "split", "type": "multi_branch_split", "branches": branches}
    split["timeout"] = {"after": "1 day"}
    wait = {"id": "wait", "type": "wait_for_duration", "duration": "1 day", "next": "split"}
    found = check(parse_definition(_journey(steps=[wait, split]), "file"), {}, None)
    assert [problem.path for problem in found] == ["steps[1]"]
