"""Walking: the way of an instance through the steps of its journey.

Laws:

1. A send step yields Entered when it may be told (mostly on arrival), and owes one Exited, which is
   paid when the position reaches a step that is no gate, when the next send is told or passed by,
   when its path ends (unless the user rests there), or when the instance ends. `memberships.py`
   keeps the account.
2. Goals and the ways out are looked at before anything else.
3. Whoever reaches a step that triggers another journey is invited to it, once this happening
   is done.
"""

from __future__ import annotations

from journeystream.compiler import CompiledJourney
from journeystream.conditions import Moment, earliest, flip
from journeystream.deeds import Deed, do, is_first
from journeystream.leaving import (
    ends,
    last_instant,
    leave,
    pass_split,
    path_ends,
    wakes_of_goals,
)
from journeystream.memberships import Why
from journeystream.noticing import journey_will_change
from journeystream.steps.contract import Ask, Fork, Go, Join, Leave, Stay
from journeystream.user import NEVER, Instance, Position
from journeystream.walk import Invitation, Walk


def progress(walk: Walk, instance: Instance, journey: CompiledJourney) -> None:
    """Look at goals and the ways out, then at the way on."""
    walk.journey_at_work = journey.id
    moment = walk.moment(journey, instance)
    if not ends(walk, instance, journey, moment):
        walk_on(walk, instance, journey, moment)


def walk_on(walk: Walk, instance: Instance, journey: CompiledJourney, moment: Moment) -> None:
    """Move every position of the instance as far as it goes now; `moment` is the instance's."""
    moving = list(instance.positions)
    while moving:
        position = moving.pop(0)
        if not _move(walk, instance, journey, moment, position, moving):
            return
    if not instance.positions:
        leave(walk, instance, journey, "completed")
        return
    instance.wake = _next_wake(walk, instance, journey, moment)


def _move(
    walk: Walk,
    instance: Instance,
    journey: CompiledJourney,
    moment: Moment,
    position: Position,
    moving: list[Position],
) -> bool:
    """Move one position; new ones go to `moving`. False when the instance has ended."""
    while (step := position.step) is not None:
        moment.step_since = position.since
        asked = journey.steps[step]
        decision = asked.decide(moment, position)
        match decision:
            case Stay():
                break
            case Leave(detail):
                leave(walk, instance, journey, "exit_step", detail)
                return False
            case Fork():
                _fork(walk, instance, journey, position, decision, moving)
                break
            case Ask():
                do(walk, decision, instance, position, journey)
                break
            case Go(to, way):
                if asked.goals:
                    pass_split(walk, instance, journey, step, way)
                if not arrive(walk, instance, journey, position, to, way):
                    break
            case _:
                to = _carry_out(walk, instance, journey, position, decision)
                if not arrive(walk, instance, journey, position, to):
                    break
    return True


def _carry_out(
    walk: Walk,
    instance: Instance,
    journey: CompiledJourney,
    position: Position,
    decision: Join | Deed,
) -> str | None:
    """Do what a decision means beside moving on; return where the position goes."""
    if isinstance(decision, Join):
        return decision.to if is_first(instance, position) else None
    do(walk, decision, instance, position, journey)
    return decision.to


def _fork(
    walk: Walk,
    instance: Instance,
    journey: CompiledJourney,
    position: Position,
    fork: Fork,
    moving: list[Position],
) -> None:
    """Send new positions down branches, which join those that are moving."""
    step = position.step
    for name, to in fork.branches:
        position.taken.append(name)
        branched = Position(step=None, since=walk.now, rounds=dict(position.rounds))
        instance.positions.append(branched)
        if arrive(walk, instance, journey, branched, to, name, parent=step):
            moving.append(branched)
    if fork.done:
        instance.positions.remove(position)


def arrive(
    walk: Walk,
    instance: Instance,
    journey: CompiledJourney,
    position: Position,
    to: str | None,
    way: str = "",
    *,
    parent: str | None = None,
) -> bool:
    """Bring a position to a step, or to its path's end; False when there is no next step.

    `way` is the branch's name, `parent` the step before if the position is a new one.
    """
    if to is None:
        path_ends(walk, instance, journey, position)
        return False
    if walk.readers:
        journey_will_change(walk, journey.id)
    step = journey.steps[to]
    if walk.travels is not None:
        came_from = journey.steps.get(parent or position.step or "")
        walk.travels.arrived(instance, journey, step, came_from, way, walk.now)
    if not step.gate:
        moved_on = Why("moved_on", step.name)
        walk.told.leave(instance, position, journey.steps, moved_on, walk.now)
    position.step, position.since = to, walk.now
    position.taken.clear()
    if walk.journeys.triggered:
        for triggered in walk.journeys.triggered.get((journey.id, to), ()):
            walk.invited.append(Invitation(triggered, instance.entry))
    return True


def _next_wake(
    walk: Walk, instance: Instance, journey: CompiledJourney, moment: Moment
) -> int | None:
    moment.step_since = NEVER  # what takes the user out stands at no step
    wakes = [flip(condition, moment) for _, condition in journey.exits]
    if journey.max_duration is not None:
        wakes.append(last_instant(instance, journey))
    if journey.goals:
        wakes += wakes_of_goals(instance, journey, moment)
    if journey.leaves_audience:
        wakes.append(flip(journey.entry, walk.moment(journey)))
    for position in instance.positions:
        if position.step is not None:
            moment.step_since = position.since
            wakes.append(journey.steps[position.step].turns(moment, position))
    return earliest(wakes)
