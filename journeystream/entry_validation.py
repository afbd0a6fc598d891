"""What is wrong with the entry, the goals and the moves of a journey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from journeystream.definitions import JourneyDefinition, Moves
from journeystream.errors import Problem, did_you_mean
from journeystream.known import Known
from journeystream.project import Limits
from journeystream.steps.enter_journey import EnterJourney


def entry_problems(journey: JourneyDefinition, known: Known) -> Iterator[Problem]:
    """Yield what is wrong with the entry, the goals and the moves, but for their conditions."""
    yield from _goal_limit_problems(journey, known.limits)
    yield from _twice("goals", "id", [goal.id for goal in journey.goals])
    yield from _twice("goals", "name", [goal.title for goal in journey.goals])
    if journey.leave_when_not_in_audience and not list(journey.entry.conditions()):
        yield Problem(
            "leave_when_not_in_audience",
            "the entry asks for nothing that could end",
            "write an audience or a condition into the entry, or leave it out",
        )
    if isinstance(journey.in_flight, Moves):
        ids = [step.id for step in journey.steps]
        for old, new in journey.in_flight.move.items():
            if new not in ids:
                path = f"in_flight.move.{old}"
                yield Problem(path, f"there is no step {new!r}", did_you_mean(new, ids))
    if known.journeys is not None:
        journeys = {**known.journeys, journey.id: journey}
        yield from _trigger_problems(journey, journeys)
        yield from _circle_problems(journey, journeys)


def _goal_limit_problems(journey: JourneyDefinition, limits: Limits) -> Iterator[Problem]:
    own = len(journey.goals)
    if own > limits.goals:
        yield Problem("goals", f"{own} are more than limits.goals = {limits.goals}", "use fewer")
    of_splits = [len(getattr(step, "goals", ())) for step in journey.steps]
    for index, count in enumerate(of_splits):
        if count > limits.split_goals:
            yield Problem(
                f"steps[{index}].goals",
                f"{count} are more than limits.split_goals = {limits.split_goals}",
                "use fewer",
            )
    if own + sum(of_splits) > limits.goals_in_all:
        yield Problem(
            "goals",
            f"with those of splits, {own + sum(of_splits)} are more than limits.goals_in_all = "
            f"{limits.goals_in_all}",
            "use fewer",
        )


def _twice(place: str, field: str, values: Sequence[str]) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Problem(f"{place}[{index}].{field}", f"{value!r} is used twice", "rename one")


def _trigger_problems(
    journey: JourneyDefinition, journeys: dict[str, JourneyDefinition]
) -> Iterator[Problem]:
    trigger = journey.entry.trigger
    if trigger is None:
        return
    other = journeys.get(trigger.journey)
    if other is None:
        yield Problem(
            "entry.trigger.journey",
            f"there is no journey {trigger.journey!r}",
            did_you_mean(trigger.journey, journeys) + ", or publish it first",
        )
        return
    ids = [step.id for step in other.steps]
    if trigger.step not in ids:
        yield Problem(
            "entry.trigger.step",
            f"journey {other.id!r} has no step {trigger.step!r}",
            did_you_mean(trigger.step, ids),
        )


def _circle_problems(
    journey: JourneyDefinition, journeys: dict[str, JourneyDefinition]
) -> Iterator[Problem]:
    circle = _circle(journey, journeys)
    if circle is not None:
        yield Problem(
            "steps" if journey.entry.trigger is None else "entry.trigger",
            f"journeys lead to each other without end, at once: {' -> '.join(circle)}",
            "put a wait_for_duration before the step that leads on, in one of them",
        )


def _circle(journey: JourneyDefinition, journeys: dict[str, JourneyDefinition]) -> list[str] | None:
    """Return the journeys, each leading to the next at once, from this one back to it."""
    ways = [[journey.id]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for to in _led_to(journeys[way[-1]], journeys):
            if to == journey.id:
                return [*way, to]
            if to not in seen:
                seen.add(to)
                ways.append([*way, to])
    return None


def _led_to(journey: JourneyDefinition, journeys: dict[str, JourneyDefinition]) -> set[str]:
    """Return the journeys that a user may enter at the instant of entering this one."""
    at_once = _at_once(journey)
    entered = {
        step.journey
        for step in journey.steps
        if isinstance(step, EnterJourney) and step.id in at_once and step.journey in journeys
    }
    return entered | {
        other.id
        for other in journeys.values()
        if (trigger := other.entry.trigger) is not None
        and trigger.journey == journey.id
        and trigger.step in at_once
    }


def _at_once(journey: JourneyDefinition) -> set[str]:
    """Return the steps that a user may reach at the instant of entering."""
    steps = {step.id: step for step in journey.steps}
    reached: set[str] = set()
    todo = [journey.first_step]
    while todo:
        id_ = todo.pop()
        if id_ not in reached and id_ in steps:
            reached.add(id_)
            if not steps[id_].takes_time:
                todo += [target for _, target in steps[id_].targets() if target is not None]
    return reached
