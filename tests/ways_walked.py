"""Which ways of a journey its examples walk, and which they leave out.

Law: a way counts as walked when a step has sent a user along it, even where two ways lead to
the same step, or to none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from journeystream import rehearsal
from journeystream.compiler import CompiledJourney, Workshop, compile_journey
from journeystream.conditions import Moment
from journeystream.definitions import JourneyDefinition
from journeystream.effects import Reached, Travelled
from journeystream.engine import Rules
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


def unwalked(
    journey: JourneyDefinition, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> set[str]:
    """Return what the journey's examples leave out."""
    walked = _Walked()
    with monkeypatch.context() as patch:
        patch.setattr(rehearsal, "compile_journey", walked.compile)
        patch.setattr(rehearsal, "take_turn", walked.take_turn)
        patch.setattr(rehearsal, "Rules", partial(Rules, travels=True))
        rehearse(journey, workshop)
    return _everything_in(journey) - walked.seen


def _everything_in(journey: JourneyDefinition) -> set[str]:
    """Name each step, way out, goal and kind of exit that a journey's examples should show."""
    named = {f"step {step.id}" for step in journey.steps}
    named |= {f"way {step.id}.{field}" for step in journey.steps for field, _ in step.targets()}
    named |= {f"goal {goal.id}" for goal in journey.goals}
    named |= {f"exit exit_condition: {rule.name}" for rule in journey.exits}
    named |= {f"exit exit_step: {step.title}" for step in journey.steps if step.type == "exit"}
    others = {
        "exit max_duration": journey.max_duration is not None,
        "exit left_audience": journey.leave_when_not_in_audience,
        "exit completed": journey.at_end == "exit",
    }
    return named | {name for name, there in others.items() if there}


class _Walked:
    """What the rehearsal walks, seen from inside the engine.

    Each step has a double whose ways out lead to steps named after the ways. The double is
    asked whatever the engine asks the step, and its answer tells which way is walked. Steps and
    goals are told by the travel log.
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
        # Chance depends on the journey's name.
        around = Surroundings(compiled.zone, workshop.audiences, journey=definition.id)
        steps = {
            step.id: self._watched(compiled.steps[step.id], _double(step).compile(around))
            for step in definition.steps
        }
        return replace(compiled, steps=steps)

    def take_turn(self, *args: Any, **options: Any) -> Turn:  # noqa: ANN401 -- as take_turn's
        """Stand in for take_turn."""
        turn = take_turn(*args, **options)
        assert not turn.failures
        self.seen |= {
            f"goal {each.goal}" if isinstance(each, Reached) else f"step {each.stage_id}"
            for each in turn.travels
            if isinstance(each, Travelled | Reached)
        }
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
