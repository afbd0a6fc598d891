"""By hand: somebody takes a user out of a journey, or brings them to another of its steps.

Laws:

1. Who is taken out leaves at once (reason `removed`), also where the journey is held or stopped, or
   stuck for them. What lets them in again is what always does.
2. Who is moved leaves every place of the pass and stands at the step alone, since now, as if they
   had come along an edge. The send steps that held them are exited (reason `moved`, with the step's
   name), before waits too: the new place is not on the way out of the old one. What the pass
   knows stays: when it began, its visits, goals and results.
3. A pass whose version has no such step stays where it is.
4. Where nobody moves now (held, or stuck for the user) they stand at the step, and what it does
   waits until the journey goes on. Where nobody ever moves (stopped, archived) nothing happens.
5. Who is not in the journey is not touched.
"""

from __future__ import annotations

from journeystream.compiler import CompiledJourney
from journeystream.entering import key_of
from journeystream.events import Moved, Removed
from journeystream.leaving import leave
from journeystream.memberships import Why
from journeystream.noticing import journey_will_change
from journeystream.user import Instance, Position
from journeystream.walk import Walk
from journeystream.walking import arrive, progress


def take_out(walk: Walk, removed: Removed) -> None:
    """End the user's passes through a journey, or the one with the key."""
    key = None if removed.key is None else key_of(removed.key)
    for instance in list(walk.user.instances):
        if instance.journey == removed.journey and key in (None, instance.key):
            walk.journey_at_work = instance.journey
            leave(walk, instance, walk.version_of(instance), "removed")


def bring(walk: Walk, moved: Moved) -> None:
    """Bring the user's passes through a journey to a step, and let those go on that may."""
    if moved.journey in walk.journeys.closed:
        return
    moving = walk.moving()
    for instance in [each for each in walk.user.instances if each.journey == moved.journey]:
        journey = walk.version_of(instance)
        if moved.step in journey.steps:
            _place(walk, instance, journey, moved.step)
            if instance in moving:
                progress(walk, instance, journey)


def _place(walk: Walk, instance: Instance, journey: CompiledJourney, to: str) -> None:
    """Let an instance stand at a step, and nowhere else."""
    walk.journey_at_work = journey.id
    if walk.readers:
        journey_will_change(walk, journey.id)
    first, steps = instance.positions[0], journey.steps
    stood = first.step or (first.hold.step if first.hold else None)
    for position in instance.positions:
        walk.told.leave(instance, position, steps, Why("moved", steps[to].name), walk.now)
    # It is the only place now, so it is the first of a new round at every merge.
    rounds = {
        id_: turns
        for id_, turns in instance.visits.items()
        if id_ in steps and steps[id_].type == "merge"
    }
    position = Position(step=None, since=walk.now, rounds=rounds)
    instance.positions[:] = [position]
    arrive(walk, instance, journey, position, to, parent=stood)
