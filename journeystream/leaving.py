"""Leaving: goals, and everything that takes a user out of a journey.

Laws:

1. Goals are looked at first, then the maximum duration, then the exit conditions in their order,
   then whether the user still is in the entry audience; at entry too.
2. A goal is reached at most once by an instance, and never by one that met it on entering: it is
   something that was not yet so. A percent split's own goals are for who passes it, from then on.
3. Whoever leaves is paid every Exited that is owed, with the reason.
"""

from __future__ import annotations

from journeystream.compiler import CompiledGoal, CompiledJourney
from journeystream.conditions import Moment, earliest, flip
from journeystream.memberships import Why
from journeystream.noticing import journey_will_change
from journeystream.runs import awaited
from journeystream.travel import exit_label
from journeystream.user import NEVER, Instance, Passes, Position
from journeystream.walk import Walk


def ends(walk: Walk, instance: Instance, journey: CompiledJourney, moment: Moment) -> bool:
    """Note the goals that are reached; end the instance if anything takes the user out.

    `moment` is the instance's, at no step.
    """
    for goal in journey.goals:
        if _is_open(instance, goal) and goal.condition.holds(moment):
            _reach(walk, instance, journey, goal)
            if goal.exits:
                leave(walk, instance, journey, "goal", goal.name)
                return True
    if walk.now >= last_instant(instance, journey):
        leave(walk, instance, journey, "max_duration")
        return True
    for name, condition in journey.exits:
        if condition.holds(moment):
            leave(walk, instance, journey, "exit_condition", name)
            return True
    if journey.leaves_audience and not journey.entry.holds(walk.moment(journey)):
        leave(walk, instance, journey, "left_audience")
        return True
    return False


def leave(
    walk: Walk, instance: Instance, journey: CompiledJourney, reason: str, detail: str | None = None
) -> None:
    """End the instance: pay every Exited that is owed, and note the exit."""
    user = walk.user
    if walk.readers:
        journey_will_change(walk, journey.id)
    if walk.travels is not None:
        moment = walk.moment(journey, instance)
        walk.travels.left(instance, journey, reason, moment, detail)
    for position in instance.positions:
        walk.told.leave(instance, position, journey.steps, Why(reason, detail), walk.now)
    user.instances[:] = [each for each in user.instances if each is not instance]
    head = walk.journeys.heads.get(journey.id, journey)
    again = head.admits and head.reenters and head.id not in walk.journeys.closed
    moment = walk.moment(head)
    holds = head.entry.holds(moment)
    passes = remember(
        walk,
        head,
        qualified=holds,
        wake=flip(head.entry, moment) if again else None,
        run=awaited(walk, head, caused=False) if again and holds else None,
    )
    label = exit_label(reason, detail)
    passes.exits[label] = passes.exits.get(label, 0) + 1
    if head.cool_down is not None or head.id in walk.readers:
        passes.left_at = walk.now


def path_ends(walk: Walk, instance: Instance, journey: CompiledJourney, position: Position) -> None:
    """Let a position rest at the send step that holds it, or take it away."""
    position.step = None
    position.taken.clear()
    if position.hold is None or journey.exits_at_end:
        walk.told.leave(instance, position, journey.steps, Why("completed"), walk.now)
        instance.positions[:] = [each for each in instance.positions if each is not position]


def remember(
    walk: Walk,
    journey: CompiledJourney,
    *,
    qualified: bool,
    wake: int | None,
    run: int | None = None,
) -> Passes:
    """Note the entry condition's truth, when time may change it, and the run that is awaited."""
    passes = walk.user.passes.setdefault(journey.id, Passes(journey.version))
    passes.version = journey.version
    passes.qualified = qualified
    passes.wake = wake if run is None else earliest((wake, run))
    passes.run = run
    return passes


def last_instant(instance: Instance, journey: CompiledJourney) -> int:
    """Return when the maximum duration is over."""
    if journey.max_duration is None:
        return -NEVER
    return journey.max_duration.after(instance.entered_at, journey.zone)


# ── goals ────────────────────────────────────────────────────────────────────────────────


def note_goals_met(
    walk: Walk, instance: Instance, journey: CompiledJourney, before: frozenset[str] = frozenset()
) -> None:
    """Note which goals hold already, so that they never count; but those known `before`."""
    moment = walk.moment(journey, instance)
    for goal in journey.goals:
        new = goal.id not in before and _is_asked(instance, goal)
        if new and goal.condition.holds(moment):
            instance.goals[met(goal)] = walk.now


def pass_split(
    walk: Walk, instance: Instance, journey: CompiledJourney, split: str, path: str
) -> None:
    """Note the path that a percent split has drawn; its goals are asked from now on."""
    if split in instance.paths:
        return
    known = frozenset(goal.id for goal in journey.goals if goal.split != split)
    instance.paths[split] = path
    note_goals_met(walk, instance, journey, before=known)
    if walk.travels is not None:
        walk.travels.assigned(instance, journey, split, path, walk.now)


def wakes_of_goals(
    instance: Instance, journey: CompiledJourney, moment: Moment
) -> list[int | None]:
    """Return when time alone may fulfil the goals that are open."""
    return [flip(goal.condition, moment) for goal in journey.goals if _is_open(instance, goal)]


def _is_open(instance: Instance, goal: CompiledGoal) -> bool:
    reached = goal.id in instance.goals or met(goal) in instance.goals
    return not reached and _is_asked(instance, goal)


def _is_asked(instance: Instance, goal: CompiledGoal) -> bool:
    return not goal.split or goal.split in instance.paths


def met(goal: CompiledGoal) -> str:
    """Return the name under which an instance keeps that a goal was met on entering."""
    return f"!{goal.id}"


def _reach(walk: Walk, instance: Instance, journey: CompiledJourney, goal: CompiledGoal) -> None:
    if walk.readers:
        journey_will_change(walk, journey.id)
    instance.goals[goal.id] = walk.now
    walk.user.passes[journey.id].goals[goal.id] = walk.now
    if walk.travels is not None:
        walk.travels.reached(instance, journey, goal, walk.now)
