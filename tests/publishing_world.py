"""A world in memory: definitions are published to a control topic, and a partition reads it.

As a worker does, the partition takes what is published in before it applies anything: everyone in
an archived journey leaves, and everyone in one that has a new review is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from journeystream.control_log import Published
from journeystream.definitions import ComputedTraitDefinition, parse_definition
from journeystream.durations import MICROS
from journeystream.effects import Effect, Travel, memberships
from journeystream.engine import Rules
from journeystream.events import (
    Answered,
    Archived,
    Enrolled,
    Event,
    Message,
    Moved,
    Removed,
    Reviewed,
)
from journeystream.journeys import Floors
from journeystream.project import Project
from journeystream.publishing import check, command, publish, workshop_of
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.turn import Turn, sweep, take_turn
from journeystream.user import User
from tests.strategies import START

Written = Mapping[str, Any]
PROJECT = Project.model_validate(
    {
        "sources": [{"topic": "events"}],
        "destinations": [
            {"name": "email", "topic": "out.email", "type": "event"},
            {"name": "ads", "topic": "out.ads", "type": "list"},
        ],
        "decisions": {"requests": "asked", "replies": "answered"},
    }
)


class World:
    """One partition, and what is published; times are seconds from the start."""

    def __init__(self, *definitions: Written, travels: bool = False) -> None:
        self.store = MemoryStore()
        self.published = Published()
        self.floors: dict[tuple[str, int], int] = {}
        self.reviewed: dict[str, int] = {}
        self.effects: list[Effect] = []
        self.travelled: list[Travel] = []
        self.failures: list[str] = []
        self._travels = travels
        self._clock = START
        self.rules = Rules(self.published.compiled(workshop_of(PROJECT)))
        if definitions:
            self.publish(*definitions)

    def publish(self, *written: Written, at: float = 0) -> list[str]:
        """Publish definitions that are right, and let the partition learn of them."""
        definitions = [parse_definition(dict(each), "a test") for each in written]
        audiences = self.published.conditions()
        audiences |= {each.id: each.condition for each in definitions if each.kind == "audience"}
        computed = dict(self.published.computed_traits)
        for each in definitions:
            if isinstance(each, ComputedTraitDefinition):
                computed[each.id] = each
        for each in definitions:
            found = check(each, audiences, PROJECT, computed=computed)
            assert all(problem.warning for problem in found), found
        done = publish(definitions, self.published, PROJECT, START + round(at * MICROS))
        self._learn([record for each in done for record in each.records], at)
        return [each.outcome for each in done]

    def command(self, journey: str, name: str, *, at: float = 0, hold: bool = False) -> None:
        """Give a command over a journey, and let the partition learn of it."""
        now = START + round(at * MICROS)
        self._learn(command(journey, name, self.published, hold=hold, now=now), at)

    def track(self, at: float, name: str, user: str = "u1", **properties: object) -> None:
        """Let a user do something."""
        self._take([Event(user, "track", name, START + round(at * MICROS), properties)])

    def identify(self, at: float, user: str = "u1", **traits: object) -> None:
        """Let traits of a user become known."""
        self._take([Event(user, "identify", "", START + round(at * MICROS), traits)])

    def enroll(self, at: float, journey: str, user: str = "u1", **properties: object) -> None:
        """Name a user who is to enter a journey."""
        self._take([Enrolled(user, START + round(at * MICROS), journey, properties)])

    def answer(self, at: float, request: str, offers: Sequence[Mapping[str, object]]) -> None:
        """Let a decision service answer what u1 was asked for."""
        self._take([Answered("u1", START + round(at * MICROS), request, offers)])

    def take_out(
        self, at: float, journey: str, user: str = "u1", *, key: str | None = None
    ) -> None:
        """Take a user out of a journey by hand."""
        self._take([Removed(user, START + round(at * MICROS), journey, key)])

    def move(self, at: float, journey: str, step: str, user: str = "u1") -> None:
        """Bring a user to a step by hand."""
        self._take([Moved(user, START + round(at * MICROS), journey, step)])

    def pass_time(self, until: float) -> None:
        """Let time pass."""
        self._take([], until=START + round(until * MICROS))

    def told(self) -> Sequence[tuple[float, str, str, str]]:
        """Return (seconds, user, change, step with its reason) of what was told, and forget it.

        Each is told once, however many destinations there are.
        """
        told = list(
            {
                each.message_id: (
                    (each.at - START) // 1_000 / 1_000,
                    each.user_id,
                    each.change,
                    f"{each.journey}.{each.step}" + (f" {each.reason}" if each.reason else ""),
                )
                for each in memberships(self.effects)
            }.values()
        )
        self.effects = []
        return told

    def user(self, user: str = "u1") -> User:
        """Return a user as they are stored."""
        return self.store.load([user])[user]

    def _take(self, batch: Sequence[Message], until: int | None = None) -> None:
        clock = self.store.partition().clock
        self._save(take_turn(batch, max(clock, START), self.store, self.rules, until=until))

    def _learn(self, records: Sequence[tuple[bytes, bytes]], at: float) -> None:
        now = START + round(at * MICROS)
        self._take([], until=now)
        for key, value in records:
            self.published.apply(key, value)
        journeys = self.published.compiled(workshop_of(PROJECT))
        for version in journeys.versions:
            # What happens at the very instant of publishing counts.
            self.floors.setdefault(version, now - 1)
        self.rules = Rules(journeys, Floors(self.floors), travels=self._travels)
        for id_ in sorted(journeys.archived):
            members = self.store.members(id_, 9_999)
            leaving = [Archived(each, now, id_) for each in members]
            self._save(sweep(leaving, now, self.store, self.rules))
        for id_, reviews in journeys.reviews.items():
            if self.reviewed.get(id_, 0) != reviews:
                members = self.store.members(id_, 9_999)
                looks = [Reviewed(each, now, id_) for each in members]
                self._save(sweep(looks, now, self.store, self.rules))
                self.reviewed[id_] = reviews

    def _save(self, turn: Turn) -> None:
        self.store.save(changes_of(turn), PartitionState(clock=turn.clock))
        self.effects += turn.effects
        self.travelled += turn.travels
        self.failures += [repr(each.error.__cause__) for each in turn.failures]


def journey(id_: str, *steps: Written, **changes: object) -> dict[str, Any]:
    """Write a journey that lets users in at `start`, and sends them to email."""
    return {
        "id": id_,
        "name": id_,
        "entry": {"condition": {"event": "start"}},
        "steps": list(steps) or [send("sent")],
        **changes,
    }


def send(id_: str, **changes: object) -> dict[str, Any]:
    """Write a send step; users rest there."""
    return {"id": id_, "type": "send_to_destinations", "destinations": ["email"], **changes}


def wait(id_: str, duration: str, onward: str | None = None) -> dict[str, Any]:
    """Write a wait of fixed length."""
    return {"id": id_, "type": "wait_for_duration", "duration": duration, "next": onward}


def audience(id_: str, condition: Written, **changes: object) -> dict[str, Any]:
    """Write an audience."""
    return {"kind": "audience", "id": id_, "name": id_, "condition": condition, **changes}
