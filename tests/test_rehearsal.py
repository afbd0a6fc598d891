"""A journey's examples: what they expect wrongly is told, with all that happened instead."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from journeystream.compiler import Workshop
from journeystream.definitions import JourneyDefinition
from journeystream.project import load_project
from journeystream.publishing import workshop_of
from journeystream.rehearsal import rehearse
from tests.shipped import PROJECT_FILE, journey_in, template


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    """Return what the examples are compiled with."""
    return workshop_of(load_project(PROJECT_FILE))


@pytest.mark.parametrize(
    ("field", "wrong", "told"),
    [
        (
            "enters",
            "cold",
            "expected u1 entered cold at 25 h 00 min 00 s, got u1 entered warm at 25 h 00 min 00 s",
        ),
        (
            "at",
            "1 day 2 hours",
            "expected u1 entered warm at 26 h 00 min 00 s, got u1 entered warm at 25 h 00 min 00 s",
        ),
    ],
)
def test_a_wrong_expectation_is_reported(
    field: str, wrong: str, told: str, workshop: Workshop
) -> None:
    """A wrong expectation is told with its path, what was expected, and all that happened."""
    journey = _changed_expectation(example=0, place=2, update={field: wrong})
    (problem,) = rehearse(journey, workshop)
    assert problem.path == "examples[0].expect[2]"
    assert problem.message == f"'comes back from an ad': {told}"
    assert problem.advice.endswith(
        "all that happens: u1 entered ads at 1 h 00 min 00 s; "
        "u1 exited ads at 25 h 00 min 00 s (moved_on); "
        "u1 entered warm at 25 h 00 min 00 s; "
        "u1 exited warm at 720 h 00 min 00 s (max_duration)"
    )


def test_a_wrong_reason_is_reported(workshop: Workshop) -> None:
    """A reason is compared where the example gives one."""
    journey = _changed_expectation(example=0, place=3, update={"reason": "completed"})
    (problem,) = rehearse(journey, workshop)
    assert problem.path == "examples[0].expect[3]"
    assert "expected u1 exited warm at 720 h 00 min 00 s (completed), got" in problem.message
    journey = _changed_expectation(example=0, place=3, update={"reason": None})
    assert rehearse(journey, workshop) == []


def test_what_an_example_leaves_out_is_reported(workshop: Workshop) -> None:
    """An example lists everything: an effect too many is a difference too."""
    whole = journey_in(template("cart_abandonment"))
    example = whole.examples[0]
    short = example.model_copy(update={"expect": example.expect[:3]})
    (problem,) = rehearse(whole.model_copy(update={"examples": [short]}), workshop)
    assert problem.path == "examples[0].expect[3]"
    assert "expected nothing, got u1 exited warm" in problem.message


def _changed_expectation(
    example: int, place: int, update: Mapping[str, object]
) -> JourneyDefinition:
    journey = journey_in(template("cart_abandonment"))
    chosen = journey.examples[example]
    expect = list(chosen.expect)
    expect[place] = expect[place].model_copy(update=update)
    examples = list(journey.examples)
    examples[example] = chosen.model_copy(update={"expect": expect})
    return journey.model_copy(update={"examples": examples})
