"""Runs: a journey on a schedule lets users in at its runs, and at no other time.

Laws:

1. A cause to enter waits for the next run: the user is down for it. The run takes whoever is down
   for it and qualifies then; who does not is down no more, and needs a new cause. With `everyone`
   no cause is needed: who qualifies is down.
2. The door is met at the run. So a run that finds it closed (paused, cooling down) was the cause's
   only one; with `everyone` the next run comes.
3. A run is one instant for all, by the journey's own clock on the wall. It comes after everything
   else that time does at that instant, and before the events of it. So what turns true at the
   very instant is in time, an event at it comes too late, and what a run itself brings about (one
   enters and has left at once) is for the next one.
4. Only who is down for a run is woken by it: it costs as much as it takes.
"""

from __future__ import annotations

from journeystream.compiler import CompiledJourney
from journeystream.walk import Walk


def run_is_held(walk: Walk, journey: CompiledJourney) -> bool:
    """Tell whether the run that the user is down for is now."""
    run = _down_for(walk, journey)
    return run is not None and run <= _over(walk)


def awaited(walk: Walk, journey: CompiledJourney, *, caused: bool) -> int | None:
    """Return the run for which a user who qualifies is down from now on, if they are."""
    if journey.runs is None:
        return None
    run, over = _down_for(walk, journey), _over(walk)
    if run is not None and run > over:
        return run
    if caused or journey.runs.everyone:
        return journey.runs.next_after(over, journey.zone)
    return None


def _down_for(walk: Walk, journey: CompiledJourney) -> int | None:
    passes = walk.user.passes.get(journey.id)
    if passes is None or passes.version != journey.version:
        return None
    return passes.run


def _over(walk: Walk) -> int:
    """Return the last instant whose runs are over, or are being held."""
    return walk.now - 1 if walk.arriving else walk.now
