"""What a failing timer does to its turn, and what another try does for who is stuck."""

from __future__ import annotations

from journeystream.effects import memberships
from journeystream.events import Archived, Due
from journeystream.turn import sweep
from journeystream.user import stuck_in
from tests.failing_turns import (
    LATER,
    Partition,
    event,
    failed,
    plan,
    rules,
    told,
)
from tests.strategies import END_OF_TIME, HOUR, MINUTE, START

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
    turn = sweep([Archived("x1", clock, "bad")], clock, partition.store, partition.rules)
    assert turn.changed["x1"].instances == []
    assert turn.changed["x1"].stuck == {}


def test_a_later_timer_of_the_same_user_still_fires() -> None:
    """Parking touches only what was due."""
    partition = Partition(rules())
    partition.take(event("x1", "broken", START), event("x1", "sound", START + MINUTE))
    turn = partition.take(until=END_OF_TIME)
    assert failed(turn) == [("Due", None)]
    assert [(each.journey, each.step, each.at) for each in memberships(turn.effects)] == [
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
