"""What is known of one user: traits, lists, and where they are in which journeys.

Law: it is the user's record, in words. Computed traits are what they are at `now`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from journeystream.answers import Answer, Instant
from journeystream.comparisons import MISSING
from journeystream.journeys import Journeys
from journeystream.moments import Moment
from journeystream.user import NEVER, User


class JourneySeen(Answer):
    """What a user has to do with one journey."""

    journey: str
    """The journey's id."""
    steps: tuple[str, ...]
    """Where they stand in it: a step for each place; at rest, the send step that holds them."""
    entered: int
    """How often they have entered it."""
    exits: dict[str, int]
    """How often they have left it, by reason."""
    stuck: str | None
    """What failed, if the journey failed on them: a fault of ours."""


class Portrait(Answer):
    """What is known of a user."""

    user_id: str
    """The user."""
    known: bool
    """Whether anything was applied for this id."""
    anonymous: bool
    """Whether nobody has said a `userId` so far."""
    became: str | None
    """The user that this id turned out to be, who has all that it had."""
    other_ids: tuple[str, ...]
    """Ids that turned out to be this user's."""
    known_since: Instant | None
    """When they were first heard of."""
    applied_to: Instant | None
    """The last instant that was applied for them."""
    traits: dict[str, Any]
    """What identify calls and steps have said of them."""
    computed: dict[str, Any]
    """Their computed traits, as far as something can be said."""
    lists: dict[str, Instant]
    """The lists that they are on, and since when."""
    journeys: tuple[JourneySeen, ...]
    """The journeys that they are or were in, by id."""


def portrait_of(user_id: str, user: User | None, now: int, journeys: Journeys) -> Portrait:
    """Return what is known of a user (None: nothing) at an instant."""
    known = user is not None
    user = user or User(user_id)
    return Portrait(
        user_id=user_id,
        known=known,
        anonymous=user.anonymous,
        became=user.became or None,
        other_ids=tuple(user.claimed),
        known_since=_instant(user.known_since),
        applied_to=_instant(user.clock),
        traits=user.traits,
        computed=dict(_computed(Moment(user, now), journeys)),
        lists=user.lists,
        journeys=tuple(_journeys(user)),
    )


def _instant(instant: int) -> int | None:
    return None if instant == NEVER else instant


def _computed(moment: Moment, journeys: Journeys) -> Iterator[tuple[str, object]]:
    for id_, trait in sorted(journeys.computed.items()):
        value = trait.value(moment)
        if value is not MISSING:
            yield id_, value


def _journeys(user: User) -> Iterator[JourneySeen]:
    places = sorted(user.derived().places)
    entered = {id_ for id_, passes in user.passes.items() if passes.entered}
    for id_ in sorted(entered | set(user.stuck) | {each.journey for each in user.instances}):
        passes = user.passes.get(id_)
        yield JourneySeen(
            journey=id_,
            steps=tuple(step for journey, step in places if journey == id_),
            entered=passes.entered if passes else 0,
            exits=passes.exits if passes else {},
            stuck=user.stuck.get(id_),
        )
