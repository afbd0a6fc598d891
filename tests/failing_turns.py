"""Turns in which happenings fail, by a bug.

Conditions are total, so only a bug can fail. Here the bug is a wait that breaks for some users
from some instant on, in a journey that is sound otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from journeystream.compiler import CompiledJourney
from journeystream.conditions import CompiledCondition, Moment
from journeystream.effects import memberships
from journeystream.engine import Rules
from journeystream.events import Event, Message, Retried
from journeystream.journeys import Journeys
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.steps.contract import Decision
from journeystream.turn import Turn, sweep, take_turn
from journeystream.user import Position, User, stuck_in
from tests.strategies import HOUR, START, journey_of, rules_of

LATER = START + HOUR


class BugError(Exception):
    """The bug."""


def journey(id_: str, start: str) -> dict[str, Any]:
    """Write a journey that starts at an event and sends at `go`, or an hour later."""
    wait = {
        "id": "wait",
        "type": "wait_for_condition",
        "condition": {"event": "go", "since": "step"},
        "next": "sent",
        "timeout": {"after": "1 hour", "next": "late"},
    }
    return {
        "id": id_,
        "name": id_,
        "entry": {"condition": {"event": start}, "reentry": "after_exit"},
        "exits": [{"name": "out", "condition": {"event": "leave", "since": "entry"}}],
        "steps": [
            wait,
            {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            {"id": "late", "type": "send_to_destinations", "destinations": ["email"]},
        ],
    }


def broken(sound: CompiledJourney, since: int) -> CompiledJourney:
    """Return the journey with a wait that breaks from an instant on, for ids that begin with x."""
    wait = sound.steps["wait"]

    def decide(moment: Moment, position: Position) -> Decision:
        if moment.user.id.startswith("x") and moment.now >= since:
            raise BugError
        return wait.decide(moment, position)

    return replace(sound, steps={**sound.steps, "wait": replace(wait, decide=decide)})


def rules(*, start: str = "sound", since: int = LATER, alone: bool = False) -> Rules:
    """Publish a sound journey and, unless it is alone, a broken one that begins at `broken`."""
    if alone:
        return rules_of(journey_of(journey("sound", start)))
    all_sound = rules_of(journey_of(journey("sound", start)), journey_of(journey("bad", "broken")))
    heads = dict(all_sound.journeys.heads)
    heads["bad"] = broken(heads["bad"], since)
    versions = {(id_, 1): head for id_, head in heads.items()}
    return replace(all_sound, journeys=Journeys(versions, heads, all_sound.journeys.admitting))


def with_bad(all_rules: Rules, change: Callable[[CompiledJourney], CompiledJourney]) -> Rules:
    """Return the rules with the broken journey changed."""
    heads = {**all_rules.journeys.heads, "bad": change(all_rules.journeys.heads["bad"])}
    versions = {(id_, 1): head for id_, head in heads.items()}
    return replace(all_rules, journeys=Journeys(versions, heads, all_rules.journeys.admitting))


def breaking(condition: CompiledCondition) -> CompiledCondition:
    """Return a condition that breaks on everyone whose id begins with x."""

    def holds(moment: Moment) -> bool:
        if moment.user.id.startswith("x"):
            raise BugError
        return condition.holds(moment)

    return replace(condition, holds=holds)


def with_a_broken_filter(bad: CompiledJourney) -> CompiledJourney:
    """Let the journey read the other one's entry event too, with a filter that breaks."""

    def matches(_: Event) -> bool:
        raise BugError

    (predicate,) = bad.entry.predicates.values()
    broken_ = replace(predicate, id="broken filter", name="sound", matches=matches)
    return replace(bad, predicates={**bad.predicates, broken_.id: broken_})


class Partition:
    """A partition that saves each turn, with its failures."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.store = MemoryStore()

    def take(
        self, *batch: Message | None, until: int | None = None, moves_clock: bool = True
    ) -> Turn:
        """Take a turn and save it."""
        clock = self.store.partition().clock
        return self._saved(
            take_turn(batch, clock, self.store, self.rules, until=until, moves_clock=moves_clock)
        )

    def retry(self, journey: str) -> Turn:
        """Try a journey again with everyone who is stuck in it, and save it."""
        stuck = self.store.members(stuck_in(journey), 100)
        clock = self.store.partition().clock
        tries = [Retried(user, clock, journey) for user in stuck]
        return self._saved(sweep(tries, clock, self.store, self.rules))

    def _saved(self, turn: Turn) -> Turn:
        self.store.save(changes_of(turn), PartitionState(turn.clock))
        return turn

    def user(self, id_: str) -> User:
        """Return a user's record."""
        return self.store.load([id_])[id_]

    def stored(self) -> dict[str, bytes]:
        """Return everyone's record."""
        users = self.store.load(list(self.store.users()))
        return {id_: encode_user(user) for id_, user in users.items()}

    def wake(self, user: str) -> int | None:
        """Return when a user is to be woken."""
        return self.store.load([user])[user].wake


def event(user: str, name: str, at: int) -> Event:
    """Return an event."""
    return Event(user, "track", name, at)


def plan(user: str, value: str, at: int) -> Event:
    """Return an identify call that no journey cares for."""
    return Event(user, "identify", "", at, {"plan": value})


def told(turn: Turn) -> list[tuple[str, str, str]]:
    """Return the effects as (user, journey, step)."""
    return [(each.user_id, each.journey, each.step) for each in memberships(turn.effects)]


def failed(turn: Turn) -> list[tuple[str, int | None]]:
    """Return the failures as (kind, index); each has the bug itself."""
    assert all(isinstance(each.error.__cause__, BugError) for each in turn.failures)
    return [(type(each.happening).__name__, each.index) for each in turn.failures]
