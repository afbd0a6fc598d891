"""Moving: what a new version means to those who are on the way through an older one.

Laws:

1. Users stay on their version unless a newer one says `exit` or `move`. The first newer one that
   says so decides, then the next one after it.
2. Whoever moves keeps what they have: places, visits, goals, and the time since they came. A place
   whose step is gone ends, with the reason `moved`; so does the instance with its last place.
3. A membership goes along only if its send step is the same in both, by id and key. So whoever
   was told Entered is told Exited.
"""

from __future__ import annotations

from journeystream.compiler import CompiledJourney
from journeystream.journeys import Fate
from journeystream.leaving import leave, note_goals_met
from journeystream.memberships import Why
from journeystream.noticing import journey_will_change
from journeystream.user import Instance, Position
from journeystream.walk import Walk
from journeystream.walking import progress


def move_on(walk: Walk, instance: Instance) -> None:
    """Bring an instance to the version that it belongs to now, then let it go on."""
    fates = walk.journeys.fates
    while (fate := fates.get((instance.journey, instance.version))) is not None:
        old = walk.version_of(instance)
        if fate.version is None:
            leave(walk, instance, old, "new_version")
            return
        new = walk.journeys.version(instance.journey, fate.version)
        if not _move(walk, instance, old, new, fate):
            return
    progress(walk, instance, walk.version_of(instance))


def _move(
    walk: Walk, instance: Instance, old: CompiledJourney, new: CompiledJourney, fate: Fate
) -> bool:
    """Move an instance to a newer version; False when no place of it is left there."""
    if walk.readers:
        journey_will_change(walk, instance.journey)
    kept = [
        position
        for position in instance.positions
        if _keeps(walk, instance, position, old, new, fate)
    ]
    if not kept:
        leave(walk, instance, old, "moved")
        return False
    instance.positions[:] = kept
    instance.version = new.version
    if new.goals:
        note_goals_met(walk, instance, new, before=frozenset(goal.id for goal in old.goals))
    return True


def _keeps(
    walk: Walk,
    instance: Instance,
    position: Position,
    old: CompiledJourney,
    new: CompiledJourney,
    fate: Fate,
) -> bool:
    """Bring a position to its step in the new version; False when it has none there."""
    hold = position.hold
    if hold is not None:
        same = fate.steps.get(hold.step, hold.step) == hold.step and hold.step in new.steps
        if not same or new.steps[hold.step].key != old.steps[hold.step].key:
            walk.told.leave(instance, position, old.steps, Why("moved"), walk.now)
    if position.step is None:
        return position.hold is not None
    step = fate.steps.get(position.step, position.step)
    if step not in new.steps:
        walk.told.leave(instance, position, old.steps, Why("moved"), walk.now)
        return False
    if step != position.step:
        position.step, position.since = step, walk.now
        position.taken.clear()
        if new.steps[step].destinations:
            # When this one may be told, the way on says.
            walk.told.leave(instance, position, new.steps, Why("moved"), walk.now)
    return True
