"""Recalling: a version that uses history learns what came before it was published.

Laws:

1. The past changes facts of that version's own, and nothing else: no trait, no clock, no journey
   moves, nobody is told.
2. Each event counts once, at its own time; a repeated message id is no second event.
3. Who was erased is not remembered again.
4. When a partition has read its past, whoever qualifies enters, once, at that instant. So does who
   is `already_in`, with or without a past; and `everyone` who qualifies is down for the first run.
"""

from __future__ import annotations

from bisect import insort

from journeystream.compiler import CompiledJourney
from journeystream.condition_language import ANY_NAME
from journeystream.entering import consider
from journeystream.events import Erased, Past, PastOver
from journeystream.noticing import was_qualified
from journeystream.repeats import is_in, keep
from journeystream.user import NEVER
from journeystream.walk import Walk

_MILLI = 1_000


def recall(walk: Walk, past: Past) -> bool:
    """Count an event of the past; return whether it is one that is asked for."""
    user, event = walk.user, past.event
    walk.journey_at_work = past.journey
    journey = walk.journeys.version(past.journey, past.version)
    if isinstance(event, Erased):
        return _forget(walk, event, journey)
    matched = [
        each
        for each in journey.past
        if each.kind == event.kind and each.name in (event.name, ANY_NAME) and each.matches(event)
    ]
    if not matched or is_in(user.past, event, walk.memory):
        return False
    keep(user.past, event, event.at, walk.memory)
    if user.known_since == NEVER:
        user.anonymous = event.anonymous
    for predicate in matched:
        if predicate.learn is not None:
            predicate.learn(user.values.setdefault(predicate.id, []), event.at, event)
            continue
        facts = user.facts.setdefault(predicate.id, [])
        at = event.at
        # Events of one millisecond have distinct instants, as when they came.
        if facts and facts[-1] // _MILLI == at // _MILLI:
            at = max(at, facts[-1] + 1)
        insort(facts, at)
        del facts[: -predicate.keep]
    return True


def _forget(walk: Walk, erased: Erased, journey: CompiledJourney) -> bool:
    """Take back what is known of a user who was erased back then."""
    user = walk.user
    if user.known_since == NEVER:
        walk.gone = True
        return True
    for predicate in journey.past:
        facts, values = user.facts.get(predicate.id), user.values.get(predicate.id)
        if facts:
            facts[:] = [at for at in facts if at > erased.at]
        if values:
            values[:] = [each for each in values if each[0] > erased.at]
    return True


def end_past(walk: Walk, over: PastOver) -> bool:
    """Let the user enter if they qualify; return whether anything was found of them."""
    user = walk.user
    had_past = bool(user.past)
    user.past.clear()
    head = walk.journeys.heads.get(over.journey)
    if head is None or not head.meets_everyone or head.id in user.stuck:
        return had_past
    was = not head.own and was_qualified(walk, head)
    consider(walk, head, was=was, came=frozenset())
    return had_past or head.id in user.passes
