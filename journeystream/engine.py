"""The engine: one user and one happening in, the changed user and the effects out.

Rule 1. Everything that decides about a user's way is here, in the files that this one names, and
        in what is compiled from the definitions. No clock, no I/O, no randomness, no logging: time
        comes in with the happening. The same user and happening always yield the same outcome.
        `advance` changes the user that it is given and nothing else.
Rule 2. What is due at or before an event's time happens before the event. Nothing happens
        before it is due. A user's clock never goes back: a late event counts at its own time
        inside windows, and an entry by it is "entry" at that time; what follows from it
        happens at the user's clock.
Rule 3. The events of a user have distinct instants: of events in the same millisecond, the
        later in the log is a microsecond later, so that "after entry" means after entry.
Rule 4. Symmetry: every Entered owes one Exited (`walking.py`, `memberships.py`).
Rule 5. Goals and the ways out are looked at before anything else (`leaving.py`).
Rule 6. An entry needs a cause (`entering.py`), and where it is on a schedule a run (`runs.py`).
Rule 7. Whoever is erased leaves everything, and is nobody then (`erasing.py`).
Rule 8. What happens in one journey may change what is true in another (`noticing.py`). That is
        looked at when the happening itself is done, at the same instant, in rounds, until nothing
        is new. Journeys that set each other off without end are a fault of one of them: after so
        many rounds the one that is at work fails, and is stuck.
Rule 9. Who became another user has nothing any more: what comes for them goes on (`identity.py`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeystream.conditions import Predicate
from journeystream.effects import Effect, Travel
from journeystream.entering import candidates, consider, invite
from journeystream.erasing import erase
from journeystream.errors import EngineError, OperatorError
from journeystream.events import (
    Adopted,
    Answered,
    Archived,
    Claimed,
    Due,
    Enrolled,
    Erased,
    Event,
    Happening,
    Listed,
    Moved,
    Note,
    Past,
    PastOver,
    Removed,
    Retried,
    Reviewed,
)
from journeystream.identity import become, claim, claims, comes_home, follow, hear
from journeystream.leaving import leave
from journeystream.moving import move_on
from journeystream.noted import is_awaited, makes_known, take_in
from journeystream.noticing import expect, was_qualified
from journeystream.profile import change_traits, changed_traits
from journeystream.recalling import end_past, recall
from journeystream.repeats import is_repeat, remember
from journeystream.user import NEVER, User
from journeystream.walk import Rules, Walk
from journeystream.walking import progress

__all__ = ["Outcome", "Rules", "advance", "progress"]
# Each round is caused by the one before, at one instant. A hundred journeys may trigger one another
# in a row; what goes on longer goes in circles.
_MOST_ROUNDS = 100


@dataclass(slots=True)
class Outcome:
    """What became of a happening; an unchanged user needs no saving, one that is None is gone.

    `travels` are told for measurement, if the rules say so. (Not `frozen`: see `effects.py`.)
    """

    user: User | None
    changed: bool
    effects: list[Effect]
    travels: Sequence[Travel] = ()


def advance(user: User | None, happening: Happening, rules: Rules) -> Outcome:
    """Apply one happening to its user (None: nobody yet) and return what follows from it."""
    walk = Walk(user or User(happening.user_id), rules)
    try:
        passed = walk.user.claim is not None and _may_become(walk, happening)
        if walk.user.became and not _is_their_own(walk.user, happening):
            changed = follow(walk, happening)
        else:
            changed = _APPLY[type(happening)](walk, happening)
    except (OperatorError, EngineError):
        raise
    except Exception as error:
        raise EngineError(walk.journey_at_work) from error
    travels = () if walk.travels is None else walk.travels.told
    if walk.gone:
        return Outcome(None, user is not None, walk.told.effects, travels)
    return Outcome(walk.user, changed or passed, walk.told.effects, travels)


def _take(walk: Walk, event: Event) -> bool:
    """Apply an event; return whether anything changed."""
    changed = _pass_time(walk, event.at)
    walk.journey_at_work = ""
    user, journeys = walk.user, walk.journeys
    if is_repeat(user, event, walk.memory):
        return changed
    matched = journeys.matched(event, user.stuck)
    traits = changed_traits(user, event)
    entering = candidates(walk, matched, traits)
    # An identify that changes nothing is remembered all the same: its retry, coming after
    # another identify, must not bring back the old traits.
    told = event.kind == "identify" and event.message_id is not None
    if not (matched or traits or entering or told or claims(user, event)):
        return changed
    walk.begin(event)
    for journey in entering:
        expect(walk, journey)
    walk.journey_at_work = ""
    _learn(walk, event, matched, traits)
    matched_ids = [predicate.id for predicate in matched]
    for instance in walk.moving():
        journey = walk.version_of(instance)
        if not (journey.reads.isdisjoint(matched_ids) and journey.reads_traits.isdisjoint(traits)):
            progress(walk, instance, journey)
    for journey in entering:
        consider(walk, journey, was=walk.was.pop(journey.id), came=matched_ids)
    if event.previous and claims(user, event):
        claim(walk, event)
    if walk.news is not None or walk.invited:
        _settle(walk)
    return True


def _learn(
    walk: Walk, event: Event, matched: Collection[Predicate], traits: Collection[str]
) -> None:
    user = walk.user
    for predicate in matched:
        if predicate.learn is not None:
            predicate.learn(user.values.setdefault(predicate.id, []), walk.came, event)
            continue
        facts = user.facts.setdefault(predicate.id, [])
        insort(facts, walk.came)
        del facts[: -walk.journeys.predicates[predicate.id].keep]
    if traits:
        watched = [path for trait in traits for path in walk.journeys.watched.get(trait, ())]
        change_traits(user, event, traits, watched, walk.came)
    remember(user, event, walk.now, walk.memory)


def _pass_time(walk: Walk, until: int) -> bool:
    """Let happen what is due at or before `until`, in due order."""
    user, journeys, changed = walk.user, walk.journeys, False
    while (wake := user.wake) is not None and wake <= until:
        walk.arriving = wake > user.clock
        walk.reach(wake)
        for instance in list(user.instances):
            if instance.wake is None or instance.wake > walk.now or instance.journey in user.stuck:
                continue
            if instance.journey in journeys.frozen:
                instance.wake = None  # it is looked at when the journey goes on
            else:
                progress(walk, instance, walk.version_of(instance))
        for id_, passes in list(user.passes.items()):
            due = passes.wake is not None and passes.wake <= walk.now
            if due and id_ not in user.stuck:
                passes.wake = None
                head = journeys.heads.get(id_)
                # An alarm of an older version says nothing about a newer one.
                if head is not None and head.version == passes.version:
                    consider(walk, head, was=passes.qualified, came=frozenset())
        _settle(walk)
        walk.arriving, changed = False, True
        if user.claim is not None and user.claim.at <= walk.now:
            walk.journey_at_work = ""
            become(walk)
            if walk.user.became:
                break
    return changed


def _archive(walk: Walk, archived: Archived) -> bool:
    """Take the user out of an archived journey."""
    changed = _pass_time(walk, archived.at)
    walk.user.stuck.pop(archived.journey, None)
    walk.reach(archived.at)
    for instance in list(walk.user.instances):
        if instance.journey == archived.journey:
            walk.journey_at_work = instance.journey
            leave(walk, instance, walk.version_of(instance), "archived")
            changed = True
    _settle(walk)
    return changed


def _retry(walk: Walk, retried: Retried) -> bool:
    """Look again at a journey that failed; what the user did meanwhile is known."""
    changed = walk.user.stuck.pop(retried.journey, None) is not None
    walk.reach(retried.at)
    _look(walk, retried.journey)
    head = walk.journeys.heads.get(retried.journey)
    if head is not None and head.admits:
        consider(walk, head, was=was_qualified(walk, head), came=frozenset())
    _settle(walk)
    return changed


def _review(walk: Walk, reviewed: Reviewed) -> bool:
    """Look at what the user has in a journey that goes on, or has a version for them to go to."""
    _pass_time(walk, reviewed.at)
    walk.reach(reviewed.at)
    _look(walk, reviewed.journey)
    _settle(walk)
    return True


def _look(walk: Walk, journey: str) -> None:
    for instance in walk.moving():
        if instance.journey == journey:
            walk.journey_at_work = journey
            move_on(walk, instance)


def _hear(walk: Walk, note: Note | Adopted) -> bool:
    """Take in what others say of the user."""
    changed = _pass_time(walk, note.at)
    walk.journey_at_work = ""
    if is_repeat(walk.user, note, walk.memory):
        return changed
    if isinstance(note, Answered) and not is_awaited(walk.user, note):
        return changed
    is_nobody = walk.user.known_since == NEVER and not walk.user.became
    if is_nobody and not makes_known(note):
        return changed
    walk.reach(note.at)
    if walk.user.known_since == NEVER:
        walk.user.known_since = walk.now
    remember(walk.user, note, walk.now, walk.memory)
    take_in(walk, note)
    _settle(walk)
    return True


def _open(walk: Walk, over: PastOver) -> bool:
    """Let in whom a journey's history qualifies."""
    passed = _pass_time(walk, over.at)
    walk.reach(over.at)
    found = end_past(walk, over)
    _settle(walk)
    return passed or found


def _erase(walk: Walk, erased: Erased) -> bool:
    """Take the user out of everything; what was due before has happened."""
    _pass_time(walk, erased.at)
    walk.reach(erased.at)
    erase(walk)
    walk.gone = True
    return True


def _may_become(walk: Walk, happening: Happening) -> bool:
    """Let time pass to a happening before which the user may become another one."""
    return not isinstance(happening, Claimed) and _pass_time(walk, happening.at)


def _is_their_own(user: User, happening: Happening) -> bool:
    """Tell whether it is meant for a user who became another, and for nobody else."""
    return isinstance(happening, Erased) or comes_home(user, happening)


def _settle(walk: Walk) -> None:
    """Look at what the happening has changed for other journeys, in rounds (Rule 8)."""
    if walk.news is None and not walk.invited:
        return
    for _ in range(_MOST_ROUNDS):
        if walk.news is None and not walk.invited:
            return
        news, walk.news = walk.news, None
        was, walk.was = walk.was, {}
        invited, walk.invited = walk.invited, []
        if news is not None:
            for instance in walk.moving():
                journey = walk.version_of(instance)
                # It may have left meanwhile.
                if news.concern(journey) and instance in walk.user.instances:
                    progress(walk, instance, journey)
            for id_, truth in was.items():
                consider(walk, walk.journeys.heads[id_], was=truth, came=frozenset())
        for invitation in invited:
            invite(walk, invitation)
    raise RuntimeError(
        f"journeys set each other off without end: {_MOST_ROUNDS} rounds at one instant"
    )


_APPLY: Mapping[type[Happening], Callable[[Walk, Any], bool]] = {
    Event: _take,
    Due: lambda walk, due: _pass_time(walk, due.at),
    Archived: _archive,
    Retried: _retry,
    Reviewed: _review,
    Past: recall,
    PastOver: _open,
    Enrolled: _hear,
    Listed: _hear,
    Answered: _hear,
    Removed: _hear,
    Moved: _hear,
    Erased: _erase,
    Adopted: _hear,
    Claimed: lambda walk, claimed: hear(walk.user, claimed),
}
