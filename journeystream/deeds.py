"""What the engine does for a step before its position goes on: tell, change, keep, ask.

Law: a deed changes the user and says so in `Memberships`, and nothing else. It does not move
positions; `engine.py` does.
"""

from __future__ import annotations

from journeystream.calendars.caps import note
from journeystream.compiler import CompiledJourney
from journeystream.memberships import Memberships, Why
from journeystream.profile import operate
from journeystream.steps.contract import Ask, Change, CompiledStep, PassBy, Store, Tell
from journeystream.user import Instance, Position, User

Deed = Tell | PassBy | Change | Store


class Deeds:
    """Does for one user what steps ask for."""

    def __init__(self, user: User, told: Memberships) -> None:
        self._user = user
        self._told = told

    def do(
        self,
        deed: Deed | Ask,
        instance: Instance,
        position: Position,
        journey: CompiledJourney,
        now: int,
    ) -> None:
        """Do it, for a position that stands at the step."""
        step = journey.steps[position.step or ""]
        match deed:
            case Tell(counts=counts):
                self._leave_before(instance, position, journey, step, now)
                self._told.enter(instance, position, step, now)
                note(self._user.sent, counts, now)
            case PassBy():
                self._leave_before(instance, position, journey, step, now)
            case Change(operations):
                changed = operate(self._user, operations, now)
                self._told.changed(instance, step, *changed, now)
            case Store(name, value):
                instance.results[name] = value
            case Ask():
                position.taken.append(self._told.ask(instance, step, deed, now))

    def _leave_before(
        self,
        instance: Instance,
        position: Position,
        journey: CompiledJourney,
        step: CompiledStep,
        now: int,
    ) -> None:
        """Leave the send step before this one, if the position is still in it."""
        self._told.leave(instance, position, journey.steps, Why("moved_on", step.name), now)


def is_first(instance: Instance, position: Position) -> bool:
    """Count a position that came to a merge; tell whether it is the first one of its round."""
    step = position.step or ""
    turn = position.rounds[step] = position.rounds.get(step, 0) + 1
    if turn <= instance.visits.get(step, 0):
        return False
    instance.visits[step] = turn
    return True
