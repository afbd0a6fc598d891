"""The plan of publishing a journey again: what differs, and what it means to users in flight.

Law: it is a function of the two definitions alone. It says of each step of the version before what
becomes of who stands there; how many those are, others know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from journeystream.definitions import JourneyDefinition, Moves

# What of a journey can be edited while it is live: an edit is no new version.
_EDITABLE = ("name", "description", "examples", "in_flight")
_EDITABLE_IN_STEPS = ("name", "destinations", "key")


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What happens to users at a step of the version before; `to` is where they go on."""

    step: str
    happens: Literal["stays", "moves", "leaves"]
    to: str | None = None

    def told(self, users: int) -> str:
        """Say it for people, with how many users stand there."""
        count = "1 user" if users == 1 else f"{users:,} users"
        s = "s" if users == 1 else ""
        said = {
            "stays": f"stay{s} on {'its' if users == 1 else 'their'} version",
            "leaves": f"leave{s}",
            "moves": f"go{'es' if users == 1 else ''} on at {self.to}",
        }
        return f"step {self.step}: {count} {said[self.happens]}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What publishing `after` over `before` means.

    `differences` are the paths of the fields that differ structurally: without any it is an edit
    in place, and nothing happens to anybody.
    """

    journey: str
    differences: tuple[str, ...]
    steps: tuple[StepPlan, ...]

    def lines(self, users: Mapping[str, int]) -> Iterator[str]:
        """Yield it line by line, for people; `users` says how many stand at each step."""
        if not self.differences:
            yield f"{self.journey}: no structural difference"
            return
        yield f"{self.journey}: a new version; different: {', '.join(self.differences)}"
        for step in self.steps:
            yield f"  {step.told(users.get(step.step, 0))}"


def plan(before: JourneyDefinition, after: JourneyDefinition) -> Plan:
    """Return what publishing `after` over `before` means."""
    differences = tuple(_differences("", structure(before), structure(after)))
    steps = [_step_plan(step.id, after) for step in before.steps] if differences else ()
    return Plan(after.id, differences, tuple(steps))


def structure(journey: JourneyDefinition) -> dict[str, Any]:
    """Return what of a journey can not be edited while it is live."""
    data = {name: value for name, value in whole(journey).items() if name not in _EDITABLE}
    data["steps"] = [
        {
            name: value
            for name, value in step.items()
            if step["type"] != "send_to_destinations" or name not in _EDITABLE_IN_STEPS
        }
        for step in data["steps"]
    ]
    return data


def whole(journey: JourneyDefinition) -> dict[str, Any]:
    """Return a journey with its defaults spelled out: spelling one out changes nothing."""
    return journey.model_dump(mode="json", by_alias=True)


def without_keys(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition for a journey of its own: a key belongs to one, users to another."""
    document = {name: value for name, value in definition.items() if name != "in_flight"}
    steps = document.get("steps")
    if isinstance(steps, list):
        document["steps"] = [
            {name: value for name, value in step.items() if name != "key"}
            if isinstance(step, dict)
            else step
            for step in steps
        ]
    return document


def _step_plan(step: str, after: JourneyDefinition) -> StepPlan:
    if after.in_flight == "pin":
        return StepPlan(step, "stays")
    if after.in_flight != "exit":
        moves = after.in_flight.move if isinstance(after.in_flight, Moves) else {}
        to = moves.get(step, step)
        if any(each.id == to for each in after.steps):
            return StepPlan(step, "moves", to)
    return StepPlan(step, "leaves")


def _differences(path: str, before: object, after: object) -> Iterator[str]:
    """Yield the paths at which two definitions differ; steps are told apart by id."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            inner = f"{path}.{name}" if path else str(name)
            yield from _differences(inner, before.get(name), after.get(name))
    elif path == "steps" and isinstance(before, list) and isinstance(after, list):
        old, new = ({step["id"]: step for step in steps} for steps in (before, after))
        for id_ in {**old, **new}:
            yield from _differences(f"steps.{id_}", old.get(id_), new.get(id_))
        if list(old) != list(new) and old.keys() == new.keys():
            yield "steps"
    elif before != after:
        yield path
