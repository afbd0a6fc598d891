"""Entering: who comes into a journey, and how often.

Laws:

1. An entry needs a cause: the condition turned true, or an event that it welcomes came while it
   was true; another journey's step that triggers it; or somebody enrolled the user by name.
2. Re-entry. `never`: once, in any version. `after_exit`: a user is in the journey at most once at
   a time, and rests from it for the cool-down, if there is one. `every_time`: one instance for
   each key (a property of what let them in), up to so many at once; a key that is inside already
   is passed over, or begins anew.
3. A journey that uses history counts what came before it was published, and lets in whoever
   qualifies at that instant; nobody enters before it.
4. On a schedule a cause waits for the next run (`runs.py`); else it lets in at once.
5. A cause that meets a closed door (paused, cooling down, full, inside already) is gone; the
   next entry needs a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import orjson

from journeystream.comparisons import MISSING, at_path
from journeystream.compiler import CompiledJourney
from journeystream.conditions import Predicate, flip
from journeystream.effects import stable_id
from journeystream.leaving import ends, leave, note_goals_met, remember
from journeystream.noticing import journey_will_change
from journeystream.runs import awaited, run_is_held
from journeystream.user import NEVER, Instance, Passes, Position, User
from journeystream.walk import NOTHING, Invitation, Walk
from journeystream.walking import arrive, walk_on

# A user's record has to fit into a changelog record.
_LARGEST_ENTRY_PROPERTY = 32 * 1024
_LONGEST_KEY = 200


def candidates(
    walk: Walk, matched: Iterable[Predicate], traits: Iterable[str]
) -> list[CompiledJourney]:
    """Return the journeys that the user may enter by an event, or meets for the first time."""
    found = [
        journey
        for journey in walk.journeys.entries(matched, traits)
        if _may_enter(walk.user, journey)
    ]
    for journey in walk.journeys.strangers_welcome:
        if _is_stranger(walk.user, journey) and journey not in found:
            found.append(journey)
    return found


def consider(walk: Walk, journey: CompiledJourney, *, was: bool, came: Collection[str]) -> None:
    """Let the user enter if there is a cause to, or now is its run; else note when to look again.

    `was` is its truth before, `came` the ids of the predicates of the event that came.
    """
    walk.journey_at_work = journey.id
    if not journey.admits or journey.id in walk.journeys.closed or _is_kept_out(walk.user, journey):
        return
    moment = walk.moment(journey)
    holds = journey.entry.holds(moment)
    if journey.own and walk.now < (opens := walk.floors.opens(journey)):
        # It was not there yet: who qualifies when it opens enters then.
        remember(walk, journey, qualified=False, wake=opens)
        return
    caused = not was or not journey.welcomes.isdisjoint(came)
    run: int | None = None
    if journey.runs is None:
        if holds and caused and _come_in(walk, journey, walk.entry):
            return
    elif holds:
        if run_is_held(walk, journey) and _come_in(walk, journey, NOTHING):
            return
        run = awaited(walk, journey, caused=caused)
    passes = walk.user.passes.get(journey.id)
    wake = flip(journey.entry, moment)
    if passes is None and not holds and wake is None and not journey.takes_strangers:
        return
    remember(walk, journey, qualified=holds, wake=wake, run=run)


def invite(walk: Walk, invitation: Invitation) -> None:
    """Let the user enter by a trigger, or because somebody enrolled them."""
    journey = walk.journeys.heads.get(invitation.journey)
    if journey is None or _is_kept_out(walk.user, journey) or journey.id in walk.user.stuck:
        return
    walk.journey_at_work = journey.id
    if not invitation.asked or journey.entry.holds(walk.moment(journey)):
        _come_in(walk, journey, invitation.entry)


def _may_enter(user: User, journey: CompiledJourney) -> bool:
    """Tell whether the user can enter at all: not twice where nobody enters again."""
    passes = user.passes.get(journey.id)
    if passes is not None and passes.entered and not journey.reenters:
        return False
    return journey.id not in user.stuck


def _is_stranger(user: User, journey: CompiledJourney) -> bool:
    """Tell whether the journey's present version has not looked at the user yet."""
    passes = user.passes.get(journey.id)
    if passes is not None and passes.version == journey.version:
        return False
    return journey.id not in user.stuck


def _is_kept_out(user: User, journey: CompiledJourney) -> bool:
    """Tell whether the user is in the journey, or was in it, so that no cause matters."""
    if journey.concurrent is None and any(each.journey == journey.id for each in user.instances):
        return True
    passes = user.passes.get(journey.id)
    return passes is not None and passes.entered > 0 and not journey.reenters


def _come_in(walk: Walk, journey: CompiledJourney, entry: Mapping[str, object]) -> bool:
    """Let the user in unless the journey is closed, full, or they rest from it."""
    if journey.id not in walk.journeys.admitting:
        return False
    passes = walk.user.passes.get(journey.id)
    if passes is not None and passes.left_at != NEVER and journey.cool_down is not None:
        rested = journey.cool_down.after(passes.left_at, journey.zone)
        if walk.now < rested:
            return False
    if journey.concurrent is None:
        _enter(walk, journey, entry, "")
        return True
    key = key_of(_property(entry, journey.concurrent.path))
    inside = [each for each in walk.user.instances if each.journey == journey.id]
    same = next((each for each in inside if each.key == key), None)
    if same is None and len(inside) >= journey.concurrent.most:
        return False
    if same is not None:
        if not journey.concurrent.restarts:
            return False
        leave(walk, same, walk.version_of(same), "restarted")
    _enter(walk, journey, entry, key)
    return True


def _enter(walk: Walk, journey: CompiledJourney, entry: Mapping[str, object], key: str) -> None:
    user = walk.user
    if walk.readers:
        journey_will_change(walk, journey.id)
    passes = _passed(walk, journey)
    passes.entered += 1
    instance = Instance(journey.id, journey.version, passes.entered, walk.came, key=key)
    for path in journey.entry_paths:
        value = _property(entry, path)
        if value is not MISSING and len(orjson.dumps(value)) <= _LARGEST_ENTRY_PROPERTY:
            instance.entry[path] = value
    user.instances.append(instance)
    if walk.travels is not None:
        walk.travels.started(instance, journey, walk.now)
    if journey.goals:
        note_goals_met(walk, instance, journey)
    moment = walk.moment(journey, instance)
    if ends(walk, instance, journey, moment):
        return
    position = Position(step=None, since=walk.now)
    instance.positions.append(position)
    arrive(walk, instance, journey, position, journey.first_step)
    walk_on(walk, instance, journey, moment)


def _passed(walk: Walk, journey: CompiledJourney) -> Passes:
    """Note that the user comes in; beside others of its kind, when to look again."""
    if journey.concurrent is None or not journey.admits:
        return remember(walk, journey, qualified=True, wake=None)
    moment = walk.moment(journey)
    holds, wake = journey.entry.holds(moment), flip(journey.entry, moment)
    return remember(walk, journey, qualified=holds, wake=wake)


def _property(entry: Mapping[str, object], path: str) -> object:
    """Look a path up as a whole name first, then step by step."""
    value = entry.get(path, MISSING)
    return value if value is not MISSING else at_path(entry, path.split("."))


def key_of(value: object) -> str:
    """Return the text that tells passes beside each other apart; empty where there is no value."""
    if value is MISSING or value is None:
        return ""
    key = value if isinstance(value, str) else orjson.dumps(value).decode()
    return key if len(key) <= _LONGEST_KEY else stable_id(key)
