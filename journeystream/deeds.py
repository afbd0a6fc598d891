"""What the engine does for a step before its position goes on: tell, change, keep, ask, invite.

Laws:

1. A deed changes the user and says so in `Memberships`, and nothing else. It does not move
   positions; `walking.py` does.
2. What other journeys may read is announced before it changes (`noticing.py`).
3. Whoever a step invites into another journey comes in once this happening is done, if that
   journey lets them; its entry condition is not asked.
"""

from __future__ import annotations

from journeystream.calendars.caps import note
from journeystream.compiler import CompiledJourney
from journeystream.memberships import Why
from journeystream.noticing import journey_will_change, list_will_change, traits_will_change
from journeystream.profile import lists_in, operate, traits_in
from journeystream.steps.contract import Ask, Change, Enter, PassBy, Store, Tell
from journeystream.user import Instance, Position
from journeystream.walk import Invitation, Walk

Deed = Tell | PassBy | Change | Store | Enter


def do(
    walk: Walk, deed: Deed | Ask, instance: Instance, position: Position, journey: CompiledJourney
) -> None:
    """Do it, for a position that stands at the step."""
    step = journey.steps[position.step or ""]
    match deed:
        case Tell(counts=counts):
            _leave_before(walk, instance, position, journey)
            walk.told.enter(instance, position, step, walk.now)
            note(walk.user.sent, counts, walk.now)
        case PassBy():
            _leave_before(walk, instance, position, journey)
        case Change():
            _change(walk, deed, instance, journey, step.id)
        case Store(name, value):
            instance.results[name] = value
        case Enter(other, properties):
            walk.invited.append(Invitation(other, properties, asked=False))
        case Ask():
            position.taken.append(walk.told.ask(instance, step, deed, walk.now))


def is_first(instance: Instance, position: Position) -> bool:
    """Count a position that came to a merge; tell whether it is the first one of its round."""
    step = position.step or ""
    turn = position.rounds[step] = position.rounds.get(step, 0) + 1
    if turn <= instance.visits.get(step, 0):
        return False
    instance.visits[step] = turn
    return True


def _leave_before(
    walk: Walk, instance: Instance, position: Position, journey: CompiledJourney
) -> None:
    """Leave the send step before this one, if the position is still in it."""
    if position.hold is not None:
        journey_will_change(walk, journey.id)
        moved_on = Why("moved_on", journey.steps[position.step or ""].name)
        walk.told.leave(instance, position, journey.steps, moved_on, walk.now)


def _change(
    walk: Walk, change: Change, instance: Instance, journey: CompiledJourney, step: str
) -> None:
    """Change the profile; those who read it look at it when the happening is done."""
    traits = traits_in(change.operations)
    traits_will_change(walk, traits)
    for list_ in lists_in(change.operations):
        list_will_change(walk, list_)
    watched = [path for trait in traits for path in walk.journeys.watched.get(trait, ())]
    changed = operate(walk.user, change.operations, watched, walk.now)
    walk.told.changed(instance, journey.steps[step], *changed, walk.now)
