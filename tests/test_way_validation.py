"""The ways through a journey: references lead to steps, all steps are reached, loops take time."""

from __future__ import annotations

import pytest

from tests.faulty_journeys import OTHER, SENT, WAIT, Written, places, problems, split, written


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (
            written(entry={"condition": {"event": "a"}, "next": "wiat"}, steps=[WAIT, SENT]),
            "entry.next",
        ),
        (written(steps=[{**WAIT, "next": "snet"}, SENT]), "steps[0].next"),
        (
            written(steps=[split(if_false={"next": "othr"}), SENT, OTHER]),
            "steps[0].if_false.next",
        ),
        (
            written(
                steps=[
                    {
                        "id": "w",
                        "type": "wait_for_condition",
                        "condition": {"event": "b"},
                        "next": "sent",
                        "timeout": {"after": "1 day", "next": "snt"},
                    },
                    SENT,
                ]
            ),
            "steps[0].timeout.next",
        ),
        (
            written(
                steps=[
                    {
                        "id": "m",
                        "type": "multi_branch_split",
                        "mode": "first_match",
                        "branches": [
                            {"name": "x", "condition": {"event": "b"}, "next": "sent"},
                            {"name": "y", "condition": {"event": "c"}, "next": "Sent"},
                        ],
                        "everyone_else": {"next": "sent"},
                    },
                    SENT,
                ]
            ),
            "steps[0].branches[1].next",
        ),
        (
            written(
                steps=[
                    {
                        "id": "m",
                        "type": "multi_branch_split",
                        "mode": "first_match",
                        "branches": [{"name": "x", "condition": {"event": "b"}, "next": "sent"}],
                        "everyone_else": {"next": "sents"},
                    },
                    SENT,
                ]
            ),
            "steps[0].everyone_else.next",
        ),
    ],
)
def test_dangling_references(document: Written, path: str) -> None:
    """A reference to no step is named, with the step that may be meant."""
    found = problems(document)
    assert path in places(found)
    [problem] = [problem for problem in found if problem.path == path]
    assert "did you mean" in problem.advice


def test_a_reference_like_no_step_lists_the_steps() -> None:
    """Where no id is like the one that was written, all are listed."""
    [problem, _] = problems(written(steps=[{**WAIT, "next": "zzzzzz"}, SENT]))
    assert (problem.path, problem.advice) == ("steps[0].next", "known are: sent, wait")


def test_unreachable_steps() -> None:
    """Every step that nothing leads to is named, also those that lead to each other."""
    ring = [{**WAIT, "id": "x", "next": "y"}, {**WAIT, "id": "y", "next": "x"}]
    assert places(problems(written(steps=[WAIT, SENT, *ring]))) == ["steps[2]", "steps[3]"]
    entry = {"condition": {"event": "a"}, "next": "sent"}
    assert places(problems(written(entry=entry))) == ["steps[0]"]


def test_loops_take_time() -> None:
    """Every step of a loop that takes no time is named; one with a wait of fixed length is fine."""
    wait = {"id": "w", "type": "wait_for_condition", "condition": {"event": "b"}, "next": "sent"}
    loop = [
        split(if_true={"next": "sent"}, if_false={"next": "w"}),
        wait,
        {**SENT, "next": "split"},
    ]
    assert places(problems(written(steps=loop))) == ["steps[0]", "steps[1]", "steps[2]"]
    timed = [split(if_true={"next": "sent"}, if_false={"next": "wait"}), {**WAIT, "next": "split"}]
    assert problems(written(steps=[*timed, SENT])) == []
    assert places(problems(written(steps=[{**SENT, "next": "sent"}]))) == ["steps[0]"]


def test_what_leads_to_a_loop_is_not_in_it() -> None:
    """A step before a loop is not blamed for it."""
    steps = [WAIT, {**SENT, "next": "other"}, {**OTHER, "next": "sent"}]
    first = {**SENT, "id": "first", "next": "wait"}
    assert places(problems(written(steps=[first, *steps]))) == ["steps[2]", "steps[3]"]
