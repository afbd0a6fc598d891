"""What the event destinations tell must be a way that a user can have gone.

Laws, per user, step and destination: Entered and Exited alternate. Per instance: visits count
from 1, a step that a user moved on to can be reached from the one they left, and an end is the
end. Per user and journey: instances do not overlap. No engine is asked, only the definitions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import orjson

from journeystream.definitions import JourneyDefinition
from journeystream.durations import parse_instant
from journeystream.effects import stable_id

_ENDINGS = frozenset(("exit_condition", "max_duration", "exit_step", "archived"))
_GATES = frozenset(("wait_for_condition", "wait_for_duration", "exit"))


@dataclass(frozen=True, slots=True)
class Move:
    """One Entered or Exited as a destination got it."""

    topic: str
    user: str
    journey: str
    instance: str
    step: str
    key: str
    message_id: str
    at: int
    entered: bool
    reason: str
    detail: str


Membership = tuple[str, str, str]  # topic, user, key of the step


def read_move(topic: str, value: bytes) -> Move:
    """Read a message of an event destination."""
    message = orjson.loads(value)
    said = message.get("properties") or message["traits"]
    where = message["context"]["journey"]
    exit_ = message["context"].get("exit", {})
    key = next(name for name in said if name.startswith("j_o_"))
    return Move(
        topic,
        message["userId"],
        where["id"],
        where["instance"],
        where["step"],
        key,
        message["messageId"],
        parse_instant(message["timestamp"]),
        said[key] == "true",
        exit_.get("reason", ""),
        exit_.get("detail") or "",
    )


def open_memberships(moves: Iterable[Move]) -> set[Membership]:
    """Return who is in which step now, by what was told."""
    inside: set[Membership] = set()
    for move in moves:
        (inside.add if move.entered else inside.discard)((move.topic, move.user, move.key))
    return inside


def faults(moves: Iterable[Move], journeys: Iterable[JourneyDefinition]) -> Iterator[str]:
    """Yield what no user can have gone through; moves come in order within topic and user."""
    moves = list(moves)
    yield from _not_alternating(moves)
    onward = {journey.id: _onward(journey) for journey in journeys}
    instances: dict[tuple[str, str], dict[str, list[Move]]] = defaultdict(lambda: defaultdict(list))
    for move in moves:
        instances[move.user, move.journey][move.instance].append(move)
    for (user, journey), passes in instances.items():
        who = f"{user} in {journey}"
        for instance in passes.values():
            yield from _odd_instance(who, instance, onward[journey])
        yield from _overlapping(who, passes)


def _not_alternating(moves: list[Move]) -> Iterator[str]:
    inside: dict[Membership, str] = {}
    for move in moves:
        place = move.topic, move.user, move.key
        if move.entered == (place in inside):
            yield f"{place}: {'entered' if move.entered else 'exited'} twice, by {move.message_id}"
        elif not move.entered and inside[place] != move.instance:
            yield f"{place}: entered in instance {inside[place]}, exited in {move.instance}"
        if move.entered:
            inside[place] = move.instance
        else:
            inside.pop(place, None)


def _odd_instance(who: str, moves: list[Move], onward: dict[str, set[str]]) -> Iterator[str]:
    end = min((move.at for move in moves if move.reason in _ENDINGS), default=None)
    visits: dict[tuple[str, str, bool], int] = defaultdict(int)
    for move in moves:
        if end is not None and (move.at > end or (move.entered and move.at >= end + 1_000)):
            yield f"{who}: goes on at {move.step} after its end"
        if move.reason == "moved_on" and move.detail not in onward[move.step]:
            yield f"{who}: moved on from {move.step} to {move.detail}, which it does not lead to"
        visit = visits[move.topic, move.step, move.entered] = (
            visits[move.topic, move.step, move.entered] + 1
        )
        change = "entered" if move.entered else "exited"
        wanted = stable_id(move.journey, "1", move.instance, move.step, str(visit), change)
        if move.message_id != wanted:
            yield f"{who}: {change} {move.step} is not visit {visit}: {move.message_id}"


def _overlapping(who: str, passes: dict[str, list[Move]]) -> Iterator[str]:
    """Yield instances that go on, or hold somebody, when the next one has begun."""
    in_turn = sorted(passes.values(), key=lambda moves: min(move.at for move in moves))
    for before, after in pairwise(in_turn):
        ended, began = max(move.at for move in before), min(move.at for move in after)
        if began < ended:
            yield f"{who}: an instance begins at {began}, before the one before ends at {ended}"
        for topic, _, key in open_memberships(before):
            yield f"{who}: an instance begins, the one before was not exited from {key} at {topic}"


def _onward(journey: JourneyDefinition) -> dict[str, set[str]]:
    """Return, for each step, the names of the steps that end a stay in it."""
    steps = {step.id: step for step in journey.steps}
    onward: dict[str, set[str]] = {}
    for step in journey.steps:
        reached: set[str] = set()
        todo = [target for _, target in step.targets() if target]
        passed: set[str] = set()
        while todo:
            target = todo.pop()
            if target in passed:
                continue
            passed.add(target)
            if steps[target].type in _GATES:
                todo += [onto for _, onto in steps[target].targets() if onto]
            else:
                reached.add(steps[target].title)
        onward[step.id] = reached
    return onward
