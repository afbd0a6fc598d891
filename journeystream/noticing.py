"""Noticing: what happens to a user in one journey may matter to their other journeys.

Laws:

1. Whatever conditions can read beside events is announced here *before* it changes: where a
   user is in a journey, traits, lists. Of each journey whose entry condition reads it the truth
   until then is noted, because an entry needs it to turn.
2. What was announced is looked at when the happening itself is done, at the same instant, in
   rounds (`engine.py`). What nobody reads costs one look into an empty index.
"""

from __future__ import annotations

from collections.abc import Iterable

from journeystream.compiler import CompiledJourney
from journeystream.walk import News, Walk


def journey_will_change(walk: Walk, journey: str) -> None:
    """Announce that the user's way through a journey goes on, begins or ends."""
    readers = walk.readers.get(journey)
    if readers is not None:
        _expect_all(walk, readers)
        _news(walk).journeys.add(journey)


def traits_will_change(walk: Walk, traits: Iterable[str]) -> None:
    """Announce that a step is about to change traits of the user."""
    for trait in traits:
        _expect_all(walk, walk.journeys.entries_by_trait.get(trait, ()))
        _news(walk).traits.add(trait)


def list_will_change(walk: Walk, list_: str) -> None:
    """Announce that the user is about to join a static audience, or to leave it."""
    _expect_all(walk, walk.journeys.entries_by_list.get(list_, ()))
    _news(walk).lists.add(list_)


def entries_will_change(walk: Walk, entries: Iterable[CompiledJourney]) -> None:
    """Announce that what these entry conditions read is about to change, events among it."""
    _expect_all(walk, entries)
    _news(walk)


def expect(walk: Walk, journey: CompiledJourney) -> None:
    """Note the truth of an entry condition that may change, as long as it is the old one."""
    if journey.id not in walk.was:
        walk.was[journey.id] = was_qualified(walk, journey)


def was_qualified(walk: Walk, journey: CompiledJourney) -> bool:
    """Return the entry condition's truth so far; a newcomer's is false.

    So is that of someone who is let in though they qualified before there was the journey.
    """
    walk.journey_at_work = journey.id
    user = walk.user
    passes = user.passes.get(journey.id)
    looked_at = passes is not None and passes.version == journey.version
    if not looked_at and journey.already_in and (passes is None or not passes.entered):
        return False
    if any(instance.journey == journey.id for instance in user.instances) or (
        not looked_at and user.known_since <= walk.floors.of(journey)
    ):
        return journey.entry.holds(walk.moment(journey))
    return passes is not None and looked_at and passes.qualified


def _expect_all(walk: Walk, readers: Iterable[CompiledJourney]) -> None:
    at_work = walk.journey_at_work
    for reader in readers:
        if reader.id not in walk.user.stuck:
            expect(walk, reader)
    walk.journey_at_work = at_work


def _news(walk: Walk) -> News:
    if walk.news is None:
        walk.news = News()
    return walk.news
