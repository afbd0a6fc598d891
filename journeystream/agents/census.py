"""Counting a project's users by where they are, from the changelog alone (users_now.py)."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field

from journeystream.agents.users_now import users_now
from journeystream.broker_access import BrokerAccess
from journeystream.state.codec import decode_user
from journeystream.user import User


@dataclass(slots=True)
class JourneyCount:
    """One journey's users: passes begun, where those in flight stand, exits by reason."""

    entered: int = 0
    inside: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Census:
    """All journeys' counts by id, and how many users are known."""

    users: int = 0
    journeys: dict[str, JourneyCount] = field(default_factory=dict)

    def count(self, user: User) -> None:
        """Add one user."""
        self.users += 1
        for id_, passes in user.passes.items():
            journey = self.journeys.setdefault(id_, JourneyCount())
            journey.entered += passes.entered
            journey.exits.update(passes.exits)
        for instance in user.instances:
            self.journeys[instance.journey].inside += 1
        for id_, step in user.derived().places:
            # Who is stuck in a journey is at a place of its own besides.
            if id_ in self.journeys:
                self.journeys[id_].steps[step] += 1


async def take_census(changelog: str, bootstrap: BrokerAccess) -> Census:
    """Read the changelog to its end and count the last record of every user."""
    latest: dict[str, bytes] = {}
    async with aclosing(users_now(changelog, bootstrap)) as users:
        async for user_id, record in users:
            if record is None:
                latest.pop(user_id, None)
            else:
                latest[user_id] = record
    census = Census()
    for user_id, record in latest.items():
        census.count(decode_user(user_id, record))
    return census
