"""Taking in a note: what others than upstream apps say of a user.

Laws:

1. Who is enrolled enters if the journey lets them; its entry condition is not asked.
2. Being put on a list, or taken off, may let users enter, or take them out, as any change does.
3. An answer counts for the position that asked and still waits for it, once; else it means nothing.
   Where its journey is held or has failed, it is kept meanwhile.
4. Nobody becomes known by an answer, by being taken off a list, by what is done to them by hand
   (`by_hand.py`), or by what another id had: who was erased stays so.
"""

from __future__ import annotations

from journeystream.adopting import adopt
from journeystream.by_hand import bring, take_out
from journeystream.events import Adopted, Answered, Enrolled, Listed, Moved, Note, Removed
from journeystream.noticing import list_will_change
from journeystream.steps.decide import answer, is_asking
from journeystream.user import User
from journeystream.walk import Invitation, Walk
from journeystream.walking import progress


def makes_known(note: Note | Adopted) -> bool:
    """Tell whether the note says anything of a user of whom nothing is known.

    Who adopts has said so, and was known: if not any more, they were erased meanwhile.
    """
    return isinstance(note, Enrolled) or (isinstance(note, Listed) and note.joins)


def take_in(walk: Walk, note: Note | Adopted) -> None:
    """Apply a note at the walk's instant; what it causes elsewhere is left to be settled."""
    match note:
        case Enrolled():
            walk.invited.append(Invitation(note.journey, note.properties, asked=False))
        case Listed():
            _list(walk, note)
        case Answered():
            _answer(walk, note)
        case Removed():
            take_out(walk, note)
        case Moved():
            bring(walk, note)
        case Adopted():
            adopt(walk, note)


def _list(walk: Walk, listed: Listed) -> None:
    lists = walk.user.lists
    if listed.joins == (listed.list in lists):
        return
    list_will_change(walk, listed.list)
    if listed.joins:
        lists[listed.list] = walk.now
    else:
        del lists[listed.list]


def is_awaited(user: User, answered: Answered) -> bool:
    """Tell whether a position still waits for the answer."""
    return any(
        is_asking(position, answered.request)
        for instance in user.instances
        for position in instance.positions
    )


def _answer(walk: Walk, answered: Answered) -> None:
    moving = walk.moving()
    for instance in walk.user.instances:
        journey = walk.version_of(instance)
        for position in instance.positions:
            step = journey.steps.get(position.step or "")
            if step is not None and step.stores and is_asking(position, answered.request):
                answer(instance, position, step, answered.offers)
                if instance in moving:
                    progress(walk, instance, journey)
                return
