"""Adopting: a user takes in what they had under another id.

Laws:

1. Passes go on: at the same places, with what they know, since the same time. A wait of an hour
   that began twenty minutes ago ends in forty; what came due on the way happens on arrival.
2. Nobody is in a journey twice who could not have come in twice: the user's own pass stays, the
   other ends (reason `merged`). Of passes beside each other, the keys and their number decide.
3. Everything is looked at anew, the ways out first: who has ordered under one id is not reminded
   under the other. Then who still is in a send step is Entered there.
4. A journey lets the user in if its entry condition holds for them now and held for neither id
   before: together they are a cause, but no cause counts twice.
"""

from __future__ import annotations

from copy import deepcopy

from journeystream.compiler import CompiledJourney
from journeystream.events import Adopted
from journeystream.identity import MERGED
from journeystream.leaving import leave
from journeystream.merging import merge
from journeystream.moving import move_on
from journeystream.noticing import (
    entries_will_change,
    journey_will_change,
    list_will_change,
    traits_will_change,
    was_qualified,
)
from journeystream.user import Instance, User
from journeystream.walk import Rules, Walk


def adopt(walk: Walk, adopted: Adopted) -> None:
    """Take a record in at the walk's instant; what it causes elsewhere is left to be settled."""
    user, record = walk.user, deepcopy(adopted.record)
    user.became = ""
    # What failed under one id is not tried under the other.
    user.stuck = {**record.stuck, **user.stuck}
    _announce(walk, record)
    came = _take_over(walk, record)
    merge(user, record, walk.journeys, walk.memory)
    for instance in walk.moving():
        _go_on(walk, instance)
    for instance in came:
        _tell(walk, instance)


def _announce(walk: Walk, record: User) -> None:
    """Note the truth so far of what the record may change, for both of the ids."""
    user, journeys = walk.user, walk.journeys
    entries_will_change(walk, _entries_of(walk, record))
    traits_will_change(walk, [trait for trait in record.traits if trait not in user.traits])
    for list_ in record.lists:
        if list_ not in user.lists:
            list_will_change(walk, list_)
    for id_ in record.passes:
        journey_will_change(walk, id_)
    other = Walk(record, Rules(journeys, walk.floors, walk.memory))
    other.now = walk.now
    for id_, truth in walk.was.items():
        walk.journey_at_work = id_
        walk.was[id_] = truth or was_qualified(other, journeys.heads[id_])


def _entries_of(walk: Walk, record: User) -> list[CompiledJourney]:
    """Return the journeys whose entry reads the record's events, or has looked at it."""
    journeys = walk.journeys
    ids = (*record.facts, *record.values)
    known = [journeys.predicates[id_] for id_ in ids if id_ in journeys.predicates]
    found = {journey.id: journey for journey in journeys.entries(known, ())}
    found |= {id_: journeys.heads[id_] for id_ in record.passes if id_ in journeys.heads}
    return list(found.values())


def _take_over(walk: Walk, record: User) -> list[Instance]:
    """Return the record's instances that go on; they are the user's now."""
    user, own, came = walk.user, list(walk.user.instances), []
    before = {id_: passes.entered for id_, passes in user.passes.items()}
    for instance in record.instances:
        if not _has_room(walk, instance, own):
            exits = record.passes[instance.journey].exits
            exits[MERGED] = exits.get(MERGED, 0) + 1
            continue
        instance.number += before.get(instance.journey, 0)
        user.instances.append(instance)
        came.append(instance)
        if walk.travels is not None:
            walk.travels.started(instance, walk.version_of(instance), walk.now)
    return came


def _has_room(walk: Walk, instance: Instance, own: list[Instance]) -> bool:
    """Tell whether an instance can be beside those that are the user's own."""
    id_ = instance.journey
    beside = walk.journeys.heads.get(id_, walk.version_of(instance)).concurrent
    keys = [each.key for each in own if each.journey == id_]
    if beside is None:
        return not keys
    inside = sum(each.journey == id_ for each in walk.user.instances)
    return instance.key not in keys and inside < beside.most


def _go_on(walk: Walk, instance: Instance) -> None:
    if instance.journey in walk.journeys.archived:
        # Its other users were taken out while this one was on the way.
        walk.journey_at_work = instance.journey
        leave(walk, instance, walk.version_of(instance), "archived")
    elif instance in walk.user.instances:
        move_on(walk, instance)


def _tell(walk: Walk, instance: Instance) -> None:
    """Tell where the user is, if they are still; nobody knows it of them yet."""
    walk.journey_at_work = instance.journey
    steps = walk.version_of(instance).steps
    for position in instance.positions:
        if position.hold is not None and not position.hold.destinations:
            walk.told.enter(instance, position, steps[position.hold.step], walk.now)
