"""What a failing event does to its turn: nothing, but that it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.effects import memberships
from journeystream.engine import Outcome, Rules, advance
from journeystream.events import Event, Happening
from journeystream.user import User
from tests.failing_turns import (
    Partition,
    breaking,
    event,
    failed,
    plan,
    rules,
    told,
    with_a_broken_filter,
    with_bad,
)
from tests.strategies import END_OF_TIME, MINUTE, START

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
    assert [(each.change, each.at) for each in memberships(turn.effects)] == [
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
