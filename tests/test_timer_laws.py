"""Timers: never early, never late, in due order, and in their turn beside the events."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from journeystream.durations import parse_duration
from journeystream.events import Event
from tests.law_settings import laws
from tests.playing import Partition, play
from tests.strategies import (
    DAY,
    END_OF_TIME,
    HOUR,
    MINUTE,
    START,
    USERS,
    Cuts,
    Project,
    apart,
    cut,
    cuts,
    journey_of,
    logs,
    projects,
    rules_of,
)


@laws
@given(
    logs(in_order=True),
    st.sampled_from(("10 minutes", "5 hours", "1 day", "1 month", "1 month 2 hours")),
    st.booleans(),
    cuts(),
)
def test_timers_are_never_early_and_never_late(
    log: list[Event],
    duration: str,
    reenters: bool,  # noqa: FBT001  drawn
    sizes: Cuts,
) -> None:
    """What follows from a wait has the time of its cause plus the wait, unless it was ended."""
    zone = "Europe/Paris"
    journey = journey_of(
        {
            "id": "j",
            "name": "J",
            "time_zone": zone,
            "entry": {
                "condition": {"event": "a"},
                "reentry": "after_exit" if reenters else "never",
            },
            "exits": [{"name": "out", "condition": {"event": "b", "since": "entry"}}],
            "steps": [
                {"id": "wait", "type": "wait_for_duration", "duration": duration, "next": "sent"},
                {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            ],
        }
    )
    log = apart(log)
    span = parse_duration(duration)
    expected: list[tuple[str, str, int]] = []
    for user in USERS:
        due: int | None = None
        sent = been = False
        for event in [e for e in log if e.user_id == user and e.kind == "track"]:
            if due is not None and not sent and due <= event.at:
                expected.append(("entered", user, due))
                sent = True
            if event.name == "b" and due is not None:
                expected += [("exited", user, event.at)] if sent else []
                due, sent = None, False
            elif event.name == "a" and due is None and (reenters or not been):
                due, been = span.after(event.at, ZoneInfo(zone)), True
        if due is not None and not sent:
            expected.append(("entered", user, due))
    effects = play(rules_of(journey), log, sizes).effects
    assert sorted((e.change, e.user_id, e.at) for e in effects) == sorted(expected)


def test_a_timer_never_overtakes_an_event() -> None:
    """After a pause, what came in time is applied before the reminder that it cancels."""
    journey = journey_of(
        {
            "id": "reminder",
            "name": "Reminder",
            "entry": {"condition": {"event": "cart"}},
            "steps": [
                {
                    "id": "wait",
                    "type": "wait_for_condition",
                    "condition": {"event": "order", "since": "step"},
                    "next": None,
                    "timeout": {"after": "1 hour", "next": "sent"},
                },
                {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
            ],
        }
    )
    partition = Partition(rules_of(journey))
    partition.take([Event("u1", "track", "cart", START), Event("u2", "track", "cart", START)])
    partition.take([Event("u1", "track", "order", START + 59 * MINUTE)], until=START + 3 * HOUR)
    assert [(e.user_id, e.at) for e in partition.effects] == [("u2", START + HOUR)]


@laws
@given(projects(), logs(), cuts())
def test_no_timer_is_forgotten_or_stuck(project: Project, log: list[Event], sizes: Cuts) -> None:
    """After a turn nobody has a timer at or before its clock, and each timer has its alarm."""
    partition = Partition(rules_of(*project))
    for batch in [*cut(log, sizes), []]:
        partition.take(batch, until=None if batch else END_OF_TIME)
        users = partition.store.load(USERS).values()
        wakes = sorted((user.wake, user.id) for user in users if user.wake is not None)
        assert all(wake > partition.store.partition().clock for wake, _ in wakes)
        assert partition.stored().alarms == wakes


@laws
@given(projects(), logs(), cuts())
def test_timers_fire_in_due_order(project: Project, log: list[Event], sizes: Cuts) -> None:
    """What follows from time alone happens in the order in which it is due, over all users."""
    partition = play(rules_of(*project), log, sizes, until=None)
    now = partition.store.partition().clock
    later = partition.take([], until=END_OF_TIME)
    times = [effect.at for effect in later]
    assert times == sorted(times)
    assert all(now < at <= END_OF_TIME for at in times)


def test_what_is_due_at_an_events_time_happens_before_it() -> None:
    """A wait that is over at the very instant of an event is over before the event."""
    steps = [
        {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "asked"},
        {
            "id": "asked",
            "type": "true_false_split",
            "condition": {"event": "b"},
            "if_true": {"next": "late"},
            "if_false": {"next": "early"},
        },
        {"id": "late", "type": "send_to_destinations", "destinations": ["email"]},
        {"id": "early", "type": "send_to_destinations", "destinations": ["email"]},
    ]
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": steps}))
    log = [Event("u1", "track", "a", START), Event("u1", "track", "b", START + HOUR)]
    assert [(e.step, e.at) for e in play(rules, log).effects] == [("early", START + HOUR)]


def test_what_a_late_event_makes_due_happens_in_its_turn() -> None:
    """A late event's wait that is over at the partition's clock is over when its turn ends."""
    steps = [
        {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "sent"},
        {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]},
    ]
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": steps}))
    log = [Event("u2", "track", "b", START + DAY), Event("u1", "track", "a", START)]
    assert [effect.at for effect in Partition(rules).take(log)] == [START + HOUR]
