"""A town: users at home in partitions of their own, and the topic by which they hand things over.

What is handed over becomes bytes and is read again, as in Kafka. It arrives when the test says so,
in the order in which each partition has written it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.agents.handing_over import value_of
from journeystream.effects import StepMembership
from journeystream.engine import Rules
from journeystream.events import ClockMark, Event, Message
from journeystream.user import NEVER, User
from tests.playing import Partition
from tests.strategies import DAY, END_OF_TIME, journey_of, rules_of

OURS = DecodeLimits(20_000_000, clock_skew=DAY, oldest_event=0, replay=False, notes=True)
_MOST_ROUNDS = 200
ANON, KNOWN = "anon", "known"


class Town:
    """Each user has a partition of their own: no two of them share an order of things."""

    def __init__(self, rules: Rules) -> None:
        self.homes: dict[str, Partition] = defaultdict(lambda: Partition(rules))
        self.now = NEVER
        self._mail: dict[str, deque[bytes]] = defaultdict(deque)

    def take(self, *messages: Message) -> None:
        """Let messages of source topics come, each to its user; those of one user as one batch."""
        batches: dict[str, list[Message]] = defaultdict(list)
        for message in messages:
            self.now = max(self.now, message.at)
            batches[message.user_id].append(message)
        for user, batch in batches.items():
            self.homes[user].take(batch)
            self._post(user)

    def deliver(self, user: str, most: int = 1_000) -> bool:
        """Let what was handed over to a user come to them; tell whether there was anything."""
        mail = self._mail[user]
        letters = [mail.popleft() for _ in range(min(most, len(mail)))]
        if letters:
            batch = [_read(letter) for letter in letters]
            self.homes[user].take(batch, moves_clock=False)
            self._post(user)
        return bool(letters)

    def settle(self) -> None:
        """Let everything come that is on its way, and all that it causes, up to now."""
        for _ in range(_MOST_ROUNDS):
            self.pass_time(self.now)
            came = [self.deliver(user) for user in list(self._mail)]
            if not any(came):
                return
        raise AssertionError("something goes round for ever")

    def pass_time(self, until: int = END_OF_TIME) -> None:
        """Let time pass for everyone."""
        for user in list(self.homes):
            self.homes[user].take([], until=until)
            self._post(user)

    def told(self, user: str) -> list[StepMembership]:
        """Return what was told of a user, in order."""
        return self.homes[user].effects

    def user(self, user: str) -> User:
        """Return a user as they are stored."""
        return self.homes[user].store.load([user])[user]

    def users(self) -> Iterable[User]:
        """Return everyone as they are stored."""
        return [self.user(id_) for id_, home in self.homes.items() if home.store.load([id_])]

    def _post(self, user: str) -> None:
        handed_over, self.homes[user].handed_over = self.homes[user].handed_over, []
        for message in handed_over:
            self._mail[message.user_id].append(value_of(message))


def _read(letter: bytes) -> Message:
    message = decode(letter, END_OF_TIME, OURS)
    assert not isinstance(message, ClockMark)
    return message


def alias(previous: str, user: str, at: int) -> Event:
    """Say openly that two ids are one user."""
    return Event(user, "alias", "", at, previous=previous)


def identify(user: str, previous: str, at: int, **traits: object) -> Event:
    """Identify a user with both ids."""
    return Event(user, "identify", "", at, traits, previous=previous)


def track(user: str, name: str, at: int, **properties: object) -> Event:
    """Let a user do something; whose id begins with `anon` are anonymous."""
    return Event(user, "track", name, at, properties, anonymous=user.startswith("anon"))


def journey(*steps: dict[str, Any], **changes: object) -> Rules:
    """Publish one journey, which event a lets in unless it says otherwise."""
    written = {"id": "j", "name": "J", "entry": {"condition": {"event": "a"}}, **changes}
    return rules_of(journey_of({**written, "steps": list(steps)}))


def send(id_: str = "sent", onward: str | None = None) -> dict[str, Any]:
    """Write a send step to an event destination and a list."""
    destinations = ["email", "ads"]
    return {
        "id": id_,
        "type": "send_to_destinations",
        "destinations": destinations,
        "next": onward,
    }


def wait(onward: str | None = "sent") -> dict[str, Any]:
    """Write a wait of an hour."""
    return {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": onward}
