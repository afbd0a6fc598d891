"""What a failing happening does to its turn: nothing, but that it is told.

Conditions are total, so only a bug can fail. Here the bug is a wait that breaks for some users
from some instant on, in a journey that is sound otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.compiler import CompiledJourney
from journeystream.conditions import CompiledCondition, Moment
from journeystream.engine import Outcome, Rules, advance
from journeystream.events import Due, Event, Happening
from journeystream.journeys import Journeys
from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.store import change_of
from journeystream.steps.contract import Decision
from journeystream.turn import Turn, expel, retry, take_turn
from journeystream.user import NOBODY, Position, User, stuck_in
from tests.strategies import END_OF_TIME, HOUR, MINUTE, START, journey_of, rules_of

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
        self, *batch: Event | None, until: int | None = None, moves_clock: bool = True
    ) -> Turn:
        """Take a turn and save it."""
        clock = self.store.partition().clock
        return self._saved(
            take_turn(batch, clock, self.store, self.rules, until=until, moves_clock=moves_clock)
        )

    def retry(self, journey: str) -> Turn:
        """Try a journey again with everyone who is stuck in it, and save it."""
        stuck = self.store.members(stuck_in(journey), 100)
        return self._saved(
            retry(journey, stuck, self.store.partition().clock, self.store, self.rules)
        )

    def _saved(self, turn: Turn) -> Turn:
        self.store.save(
            [change_of(u, turn.before.get(u.id, NOBODY)) for u in turn.changed.values()],
            PartitionState(turn.clock),
        )
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
    return [(each.user_id, each.journey, each.step) for each in turn.effects]


def failed(turn: Turn) -> list[tuple[str, int | None]]:
    """Return the failures as (kind, index); each has the bug itself."""
    assert all(isinstance(each.error.__cause__, BugError) for each in turn.failures)
    return [(type(each.happening).__name__, each.index) for each in turn.failures]


# ── failing events ───────────────────────────────────────────────────────────────────────


def test_a_failing_journey_is_stuck_and_the_rest_applies() -> None:
    """Where a journey fails, the user stays in it as they were, and the other one goes on."""
    partition = Partition(rules(since=START + MINUTE))
    partition.take(event("x1", "broken", START), event("x1", "sound", START))
    (before,) = (each for each in partition.user("x1").instances if each.journey == "bad")
    go = event("x1", "go", START + 2 * MINUTE)
    turn = partition.take(None, event("y1", "nobody cares", START), go)
    assert failed(turn) == [("Event", None)]
    assert turn.failures[0].happening == go
    assert told(turn) == [("x1", "sound", "sent")]
    (after,) = (each for each in partition.user("x1").instances if each.journey == "bad")
    assert after == before
    assert partition.user("x1").stuck == {"bad": "BugError()"}
    assert turn.clock == START + 2 * MINUTE, "the clock is the partition's, not the user's"


def test_what_fails_outside_of_journeys_changes_nothing() -> None:
    """An event that can not even be learned is told with its index, and nobody changes by it."""
    partition = Partition(rules())
    partition.take(event("x1", "sound", START))
    before = partition.stored()
    turn = partition.take(None, plan("x1", "x" * 5_000_000, START + MINUTE))
    assert [each.index for each in turn.failures] == [1]
    assert (turn.effects, partition.stored()) == ([], before)


def test_a_newcomer_can_be_stuck() -> None:
    """Who becomes known by an event that a journey fails on is known, with that journey stuck."""
    partition = Partition(rules(since=START))
    turn = partition.take(event("x1", "broken", START), event("x2", "sound", START))
    assert failed(turn) == [("Event", None)]
    assert partition.user("x1").stuck == {"bad": "BugError()"}
    assert partition.user("x1").instances == []


def test_a_bug_in_an_entry_condition_stays_in_its_journey() -> None:
    """A condition that breaks when a known user's entry is looked at leaves the other journey."""
    partition = Partition(rules(since=END_OF_TIME))
    partition.take(event("x1", "broken", START), event("x1", "sound", START))
    partition.rules = with_bad(partition.rules, lambda bad: replace(bad, entry=breaking(bad.entry)))
    turn = partition.take(
        event("x1", "broken", START + MINUTE), event("x1", "go", START + 2 * MINUTE)
    )
    assert failed(turn) == [("Event", None)]
    assert told(turn) == [("x1", "sound", "sent")]


def test_a_bug_in_a_filter_stays_in_the_journeys_that_read_it() -> None:
    """An event that one journey's filter breaks on counts for the others."""
    partition = Partition(with_bad(rules(since=END_OF_TIME), with_a_broken_filter))
    turn = partition.take(event("x1", "sound", START), event("x1", "go", START + MINUTE))
    assert failed(turn) == [("Event", None)]
    assert told(turn) == [("x1", "sound", "sent")]
    assert set(partition.user("x1").stuck) == {"bad"}


def test_many_failures_of_one_user_cost_no_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failure undoes what came after the one before it, not the whole turn again."""
    advanced = []

    def counted(user: User | None, happening: Happening, rules: Rules) -> Outcome:
        advanced.append(happening)
        return advance(user, happening, rules)

    monkeypatch.setattr("journeystream.turn.advance", counted)
    log = [
        each
        for at in range(START, START + 100 * MINUTE, MINUTE)
        for each in (event("x1", "sound", at), plan("x1", "x" * 4_200_000, at + 1))
    ]
    turn = Partition(rules(since=END_OF_TIME)).take(*log)
    assert [each.index for each in turn.failures] == list(range(1, 200, 2))
    assert len(advanced) < 4 * len(log)


def test_other_users_go_on() -> None:
    """Before and after a failure, others are told what they would have been told without it."""
    partition = Partition(rules(since=START))
    turn = partition.take(
        event("y1", "broken", START),
        event("x1", "broken", START),
        event("y2", "broken", START),
        event("y1", "go", START + MINUTE),
        event("x1", "go", START + MINUTE),
        event("y2", "go", START + MINUTE),
    )
    assert failed(turn) == [("Event", None)]
    assert told(turn) == [("y1", "bad", "sent"), ("y2", "bad", "sent")]


def test_what_the_user_did_before_stays() -> None:
    """Earlier happenings of the turn stay applied, once, and so do those after the failure."""
    partition = Partition(rules(since=START + 2 * MINUTE))
    turn = partition.take(
        event("x1", "sound", START),
        event("x1", "go", START + MINUTE),
        event("x1", "broken", START + 2 * MINUTE),
        plan("x1", "pro", START + 3 * MINUTE),
        event("x1", "leave", START + 4 * MINUTE),
        until=START + 5 * MINUTE,
    )
    assert failed(turn) == [("Event", None)]
    assert [(each.change, each.at) for each in turn.effects] == [
        ("entered", START + MINUTE),
        ("exited", START + 4 * MINUTE),
    ]
    user = partition.store.load(["x1"])["x1"]
    assert user.traits == {"plan": "pro"}
    assert set(user.passes) == {"sound"}
    assert user.instances == []


def _events(users: Sequence[str]) -> st.SearchStrategy[list[Event]]:
    names = st.sampled_from(("sound", "broken", "go", "leave"))
    gaps = st.sampled_from((0, MINUTE, 20 * MINUTE))
    entries = st.lists(st.tuples(st.sampled_from(users), names, gaps), max_size=10)

    def in_order(drawn: list[tuple[str, str, int]]) -> list[Event]:
        at, log = START, []
        for user, name, gap in drawn:
            at += gap
            log.append(event(user, name, at))
        return log

    return entries.map(in_order)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(_events(("x1", "y1", "y2")))
def test_a_failing_user_is_as_if_alone(log: list[Event]) -> None:
    """Whatever fails for one user, everyone else ends as if that user had never been."""
    first, second = Partition(rules(since=END_OF_TIME)), Partition(rules(since=START))
    without = first.take(*(each for each in log if each.user_id != "x1"), until=END_OF_TIME)
    beside = second.take(*log, until=END_OF_TIME)
    assert [each for each in told(beside) if each[0] != "x1"] == told(without)
    stored = second.stored()
    stored.pop("x1", None)
    assert stored == first.stored()


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(_events(("x1", "x2", "y1")))
def test_a_journey_goes_on_as_if_the_failing_one_had_never_been(log: list[Event]) -> None:
    """Whoever a journey fails on, what the other journey tells is what it tells alone."""
    # In one millisecond an event that only the failing journey reads makes the next one later.
    log = [replace(each, at=each.at + 1_000 * index) for index, each in enumerate(log)]
    first, second = Partition(rules(alone=True)), Partition(rules(since=START))
    without = first.take(*log, until=END_OF_TIME)
    beside = second.take(*log, until=END_OF_TIME)
    assert [each for each in told(beside) if each[1] == "sound"] == told(without)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(_events(("x1",)), st.data())
def test_the_cut_of_the_log_does_not_matter_to_failures(
    log: list[Event], data: st.DataObject
) -> None:
    """A log with failures may be cut anywhere: state and effects are the same."""
    whole, parts = Partition(rules(since=START)), Partition(rules(since=START))
    at = data.draw(st.integers(0, len(log)))
    expected = told(whole.take(*log, until=END_OF_TIME))
    found = told(parts.take(*log[:at])) + told(parts.take(*log[at:], until=END_OF_TIME))
    assert (found, parts.stored()) == (expected, whole.stored())


# ── failing timers ───────────────────────────────────────────────────────────────────────


def test_a_failing_timer_is_told_once() -> None:
    """It is reported without an index, and nobody is woken for it again, in any turn."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START), event("y1", "broken", START))
    turn = partition.take(until=LATER + MINUTE)
    assert failed(turn) == [("Due", None)]
    assert turn.failures[0].happening == Due("x1", LATER)
    assert told(turn) == [("y1", "bad", "late")]
    assert partition.wake("x1") is None
    assert partition.store.next_wake() is None
    again = partition.take(until=END_OF_TIME)
    assert (again.failures, again.effects) == ([], [])


def test_who_is_stuck_can_be_found() -> None:
    """The store lists who is stuck in a journey, apart from those who are in it."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START), event("y1", "broken", START))
    partition.take(until=LATER + MINUTE)
    assert partition.store.members(stuck_in("bad"), 10) == ["x1"]
    assert partition.store.members("bad", 10) == ["x1", "y1"]


# ── trying again ─────────────────────────────────────────────────────────────────────────


def test_a_mended_journey_goes_on_where_it_stopped() -> None:
    """After the bug is mended, a retry takes the users on, by what they did meanwhile too."""
    partition = Partition(rules(since=START))
    partition.take(event("x1", "broken", START), event("x2", "broken", START))
    partition.rules = rules(since=START + MINUTE)
    partition.retry("bad")
    partition.take(event("x1", "go", START + 2 * MINUTE), event("x2", "other", START + 2 * MINUTE))
    assert set(partition.user("x1").stuck) == {"bad"}
    partition.rules = rules(since=END_OF_TIME)
    turn = partition.retry("bad")
    assert told(turn) == [("x1", "bad", "sent")]
    assert partition.user("x1").stuck == partition.user("x2").stuck == {}
    later = partition.take(until=END_OF_TIME)
    assert told(later) == [("x2", "bad", "late")]


def test_a_retry_that_fails_leaves_all_as_it_was() -> None:
    """Trying again what is not mended ends, is told, and changes nothing."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START))
    partition.take(until=LATER)
    before = partition.stored()
    turn = partition.retry("bad")
    assert failed(turn) == [("Retried", None)]
    assert partition.stored() == before


def test_who_is_stuck_leaves_an_archived_journey() -> None:
    """Archiving takes everyone out, stuck or not."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START))
    partition.take(until=LATER)
    clock = partition.store.partition().clock
    turn = expel("bad", ["x1"], clock, clock, partition.store, partition.rules)
    assert turn.changed["x1"].instances == []
    assert turn.changed["x1"].stuck == {}


def test_a_later_timer_of_the_same_user_still_fires() -> None:
    """Parking touches only what was due."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START), event("x1", "sound", START + MINUTE))
    turn = partition.take(until=END_OF_TIME)
    assert failed(turn) == [("Due", None)]
    assert [(each.journey, each.step, each.at) for each in turn.effects] == [
        ("sound", "late", LATER + MINUTE)
    ]


def test_a_timer_that_fails_in_the_turn_of_an_event_is_not_the_events_failure() -> None:
    """A timer that is due before an event fails by itself; the event then applies."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START))
    turn = partition.take(event("x1", "sound", LATER + MINUTE))
    assert failed(turn) == [("Due", None)]
    assert [each.journey for each in partition.store.load(["x1"])["x1"].instances] == [
        "bad",
        "sound",
    ]


# ── known bugs ───────────────────────────────────────────────────────────────────────────


def test_a_failing_timer_parks_no_other_journey() -> None:
    """Another journey's timer at the same instant fires all the same."""
    partition = Partition(rules(start="broken"))
    partition.take(event("x1", "broken", START))
    turn = partition.take(until=END_OF_TIME)
    assert told(turn) == [("x1", "sound", "late")]


def test_a_failing_event_after_a_failing_timer_stops_nothing() -> None:
    """However many happenings of a user fail in a turn, the turn ends."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START))
    turn = partition.take(plan("x1", "pro", LATER), event("x1", "go", LATER + MINUTE))
    assert failed(turn) == [("Due", None)]
    assert partition.store.load(["x1"])["x1"].traits == {"plan": "pro"}


def test_a_journey_that_is_stuck_fails_once() -> None:
    """What comes after a failure, in its turn or later, does not fail again."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START))
    turn = partition.take(event("x1", "go", LATER + MINUTE), until=LATER + HOUR)
    assert failed(turn) == [("Due", None)]


def test_a_failing_timer_does_not_fail_the_events_of_a_slow_clock() -> None:
    """With several sources too, a timer that fails takes no event of another journey with it."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START))
    turn = partition.take(event("x1", "sound", LATER + MINUTE), moves_clock=False)
    assert [index for _, index in failed(turn)] == [None]
