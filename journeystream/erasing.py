"""Erasing: the world is told that a user has left; then nobody is there any more.

Laws:

1. Whoever was told of an entry is told of the exit, with the reason `erased`, and lists too: in all
   journeys, also in those that are held, stopped, or stuck for the user.
2. Nothing else happens. No goal is reached, no journey entered, and no condition asked, so that
   none that is broken keeps a user from being erased.
3. The other ids that are theirs are erased too (identity.py).
4. Nothing is kept. Whoever comes under the same id is a stranger, as if for the first time.
"""

from __future__ import annotations

from journeystream.events import Erased
from journeystream.memberships import Why
from journeystream.walk import Walk


def erase(walk: Walk) -> None:
    """Pay every Exited that is owed, at the walk's instant, and erase the other ids."""
    for instance in walk.user.instances:
        walk.journey_at_work = instance.journey
        journey = walk.version_of(instance)
        if walk.travels is not None:
            walk.travels.left(instance, journey, "erased", walk.moment(journey, instance))
        for position in instance.positions:
            walk.told.leave(instance, position, journey.steps, Why("erased"), walk.now)
    for other in walk.user.claimed:
        walk.told.hand_over(Erased(other, walk.now))
