"""Taking in a note: what others than upstream apps say of a user.

Laws:

1. Who is enrolled enters if the journey lets them; its entry condition is not asked.
2. Being put on a list, or taken off, may let users enter, or take them out, as any change does.
3. An answer counts for the position that asked and still waits for it, once; else it means nothing.
"""

from __future__ import annotations

from journeystream.adopting import adopt
from journeystream.events import Adopted, Answered, Enrolled, Listed, Note
from journeystream.noticing import list_will_change
from journeystream.steps.decide import answer
from journeystream.walk import Invitation, Walk
from journeystream.walking import progress


def take_in(walk: Walk, note: Note | Adopted) -> None:
    """Apply a note at the walk's instant; what it causes elsewhere is left to be settled."""
    match note:
        case Enrolled():
            walk.invited.append(Invitation(note.journey, note.properties, asked=False))
        case Listed():
            _list(walk, note)
        case Answered():
            _answer(walk, note)
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


def _answer(walk: Walk, answered: Answered) -> None:
    for instance in walk.moving():
        journey = walk.version_of(instance)
        for position in instance.positions:
            step = journey.steps.get(position.step or "")
            if step is not None and step.stores and answered.request in position.taken:
                answer(instance, position, step, answered.offers)
                progress(walk, instance, journey)
                return
