"""The shipped examples: they validate, they pass, and together they walk every way there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeystream import rehearsal
from journeystream.compiler import CompiledJourney, Workshop, compile_journey
from journeystream.conditions import Moment
from journeystream.definitions import AudienceDefinition, JourneyDefinition, read_definitions
from journeystream.effects import memberships
from journeystream.project import Project, load_project
from journeystream.rehearsal import rehearse
from journeystream.steps.contract import (
    Ask,
    CompiledStep,
    Decision,
    Fork,
    Leave,
    Stay,
    StepDefinition,
    Surroundings,
)
from journeystream.turn import Turn, take_turn
from journeystream.user import Position
from journeystream.validation import Known, validate_audience, validate_journey

EXAMPLES = Path(__file__).parent.parent / "examples"
JOURNEYS = sorted((EXAMPLES / "journeys").glob("*.yaml"))
AUDIENCES = sorted((EXAMPLES / "audiences").glob("*.yaml"))
USE_CASES = {
    "cart_abandonment",
    "low_recency_winback",
    "onboarding",
    "paid_subscription_acquisition",
    "trial_to_paid",
}

each_journey = pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def project() -> Project:
    """Return the project that the examples belong to."""
    return load_project(EXAMPLES / "journeystream.yaml")


def journey_in(path: Path) -> JourneyDefinition:
    """Return the one journey of a file."""
    (journey,) = read_definitions(path)
    assert isinstance(journey, JourneyDefinition)
    return journey


def audiences() -> list[AudienceDefinition]:
    """Return the example audiences."""
    found = [each for path in AUDIENCES for each in read_definitions(path)]
    assert all(isinstance(each, AudienceDefinition) for each in found)
    return [each for each in found if isinstance(each, AudienceDefinition)]


def known_to(project: Project) -> Known:
    """Return what the examples may refer to."""
    return Known(
        [destination.name for destination in project.destinations],
        {audience.id: audience.condition for audience in audiences()},
        project.limits,
    )


def workshop_of(project: Project) -> Workshop:
    """Return what the examples are compiled with."""
    attributes = {each.name: each.attributes for each in project.destinations}
    return Workshop(project.zone, known_to(project).audiences, attributes.__getitem__)


# ── they are right ────────────────────────────────────────────────────────────────────────


def test_the_worked_use_cases_are_all_there() -> None:
    """The five use cases that the descriptions work out ship as journeys, one file each."""
    assert {path.stem for path in JOURNEYS} >= USE_CASES
    assert all(journey_in(path).id == path.stem for path in JOURNEYS)


@each_journey
def test_a_shipped_journey_has_no_problems(path: Path, project: Project) -> None:
    """A shipped journey validates against the project file next to it."""
    assert validate_journey(journey_in(path), known_to(project)) == []


@each_journey
def test_the_examples_of_a_shipped_journey_pass(path: Path, project: Project) -> None:
    """What a shipped journey's examples expect is what happens."""
    assert rehearse(journey_in(path), workshop_of(project)) == []


@pytest.mark.parametrize("audience", audiences(), ids=lambda audience: audience.id)
def test_a_shipped_audience_has_no_problems(audience: AudienceDefinition, project: Project) -> None:
    """A shipped audience validates."""
    assert validate_audience(audience, known_to(project)) == []


# ── they are complete ─────────────────────────────────────────────────────────────────────


@each_journey
def test_examples_walk_every_way(
    path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law for shipped journeys: every send step, way out and kind of exit is in an example."""
    journey = journey_in(path)
    assert _unwalked(journey, project, monkeypatch) == set()


def test_an_example_that_misses_a_way_is_found_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The law above can fail: without its other examples, a journey has ways unwalked."""
    whole = journey_in(EXAMPLES / "journeys" / "low_recency_winback.yaml")
    journey = whole.model_copy(update={"examples": whole.examples[:1]})
    assert _unwalked(journey, project, monkeypatch) == {
        "way high_value.if_false.next",
        "way came_back.timeout.next",
        "way remind.next",
        "send remind",
        "exit exit_condition: ordered",
        "exit exit_step: Not interested",
    }


# ── a wrong example is found out ──────────────────────────────────────────────────────────


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
    field: str, wrong: str, told: str, project: Project
) -> None:
    """A wrong expectation is told with its path, what was expected, and all that happened."""
    journey = _changed_expectation(example=0, place=2, update={field: wrong})
    (problem,) = rehearse(journey, workshop_of(project))
    assert problem.path == "examples[0].expect[2]"
    assert problem.message == f"'comes back from an ad': {told}"
    assert problem.advice.endswith(
        "all that happens: u1 entered ads at 1 h 00 min 00 s; "
        "u1 exited ads at 25 h 00 min 00 s (moved_on); "
        "u1 entered warm at 25 h 00 min 00 s; "
        "u1 exited warm at 720 h 00 min 00 s (max_duration)"
    )


def test_a_wrong_reason_is_reported(project: Project) -> None:
    """A reason is compared where the example gives one."""
    journey = _changed_expectation(example=0, place=3, update={"reason": "completed"})
    (problem,) = rehearse(journey, workshop_of(project))
    assert problem.path == "examples[0].expect[3]"
    assert "expected u1 exited warm at 720 h 00 min 00 s (completed), got" in problem.message
    journey = _changed_expectation(example=0, place=3, update={"reason": None})
    assert rehearse(journey, workshop_of(project)) == []


def test_what_an_example_leaves_out_is_reported(project: Project) -> None:
    """An example lists everything: an effect too many is a difference too."""
    whole = journey_in(EXAMPLES / "journeys" / "cart_abandonment.yaml")
    example = whole.examples[0]
    short = example.model_copy(update={"expect": example.expect[:3]})
    (problem,) = rehearse(whole.model_copy(update={"examples": [short]}), workshop_of(project))
    assert problem.path == "examples[0].expect[3]"
    assert "expected nothing, got u1 exited warm" in problem.message


def _changed_expectation(
    example: int, place: int, update: Mapping[str, object]
) -> JourneyDefinition:
    journey = journey_in(EXAMPLES / "journeys" / "cart_abandonment.yaml")
    chosen = journey.examples[example]
    expect = list(chosen.expect)
    expect[place] = expect[place].model_copy(update=update)
    examples = list(journey.examples)
    examples[example] = chosen.model_copy(update={"expect": expect})
    return journey.model_copy(update={"examples": examples})


# ── how coverage is measured ──────────────────────────────────────────────────────────────


def _unwalked(
    journey: JourneyDefinition, project: Project, monkeypatch: pytest.MonkeyPatch
) -> set[str]:
    """Return what the journey's examples leave out."""
    walked = _Walked()
    monkeypatch.setattr(rehearsal, "compile_journey", walked.compile)
    monkeypatch.setattr(rehearsal, "take_turn", walked.take_turn)
    rehearse(journey, workshop_of(project))
    return _everything_in(journey) - walked.seen


def _everything_in(journey: JourneyDefinition) -> set[str]:
    """Name each send step, way out and kind of exit that a journey's examples should show."""
    ways = {f"way {step.id}.{field}" for step in journey.steps for field, _ in step.targets()}
    sends = {f"send {step.id}" for step in journey.steps if step.type == "send_to_destinations"}
    exits = {f"exit exit_condition: {rule.name}" for rule in journey.exits}
    exits |= {f"exit exit_step: {step.title}" for step in journey.steps if step.type == "exit"}
    return ways | sends | exits | ({"exit max_duration"} if journey.max_duration else set())


class _Walked:
    """What the rehearsal walks, seen from inside the engine.

    Each step has a double whose ways out lead to steps named after the ways. The double is
    asked whatever the engine asks the step, and its answer tells which way is walked, even
    where two ways lead to the same step.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def compile(
        self,
        definition: JourneyDefinition,
        version: int,
        keys: Mapping[str, str],
        workshop: Workshop,
    ) -> CompiledJourney:
        """Stand in for compile_journey."""
        compiled = compile_journey(definition, version, keys, workshop)
        around = Surroundings(compiled.zone, workshop.audiences)
        steps = {
            step.id: self._watched(compiled.steps[step.id], _double(step).compile(around))
            for step in definition.steps
        }
        return replace(compiled, steps=steps)

    def take_turn(self, *args: Any, **options: Any) -> Turn:  # noqa: ANN401 -- as take_turn's
        """Stand in for take_turn."""
        turn = take_turn(*args, **options)
        assert not turn.failures
        self.seen |= {f"send {effect.step}" for effect in memberships(turn.effects)}
        self.seen |= {
            f"exit {label}"
            for user in turn.changed.values()
            for passes in user.passes.values()
            for label in passes.exits
        }
        return turn

    def _watched(self, step: CompiledStep, double: CompiledStep) -> CompiledStep:
        def decide(moment: Moment, position: Position) -> Decision:
            match double.decide(moment, position):
                case Fork(branches, _):
                    self.seen |= {str(way) for _, way in branches}
                case Stay() | Leave() | Ask():
                    pass
                case decision:
                    self.seen.add(str(decision.to))
            return step.decide(moment, position)

        return replace(step, decide=decide)


def _double(step: StepDefinition) -> StepDefinition:
    """Return the step with each way out leading to `way STEP.FIELD`."""
    written = step.model_dump(mode="json", by_alias=True, exclude_none=True)
    for field, _ in step.targets():
        *path, last = re.findall(r"\w+", field)
        place: Any = written
        for name in path:
            place = place[int(name) if name.isdigit() else name]
        place[last] = f"way {step.id}.{field}"
    return type(step).model_validate(written)
