"""Entry on a schedule: who is taken by which run, and what happens at its very instant."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.durations import MICROS
from journeystream.effects import memberships
from journeystream.engine import advance
from journeystream.events import Retried
from tests.publishing_world import World, audience, journey, send, wait
from tests.strategies import START

HOUR = 3_600.0
DAY = 24 * HOUR
NINE = 9 * HOUR
DAILY = {"every": "daily", "at": ["09:00"]}
EVERYONE = {**DAILY, "everyone": True}
OUT = [{"name": "out", "condition": {"event": "out", "since": "entry"}}]
PRO = audience("pro", {"trait": "plan", "equals": "pro"})


def scheduled(schedule: dict[str, Any] = DAILY, **changes: object) -> dict[str, Any]:
    """Write a journey for pros that users leave by `out`."""
    entry: dict[str, object] = {"audience": "pro", "schedule": schedule}
    entry |= {name: changes.pop(name) for name in ("already_in", "reentry") if name in changes}
    return journey("j", entry=entry, exits=OUT, **changes)


def entries(world: World, user: str = "u1") -> list[float]:
    """Return when a user was told to have entered."""
    return [at for at, who, change, _ in world.told() if (who, change) == (user, "entered")]


# ── who is taken ─────────────────────────────────────────────────────────────────────────


def test_at_launch_all_members_enter_then_only_new_ones() -> None:
    """With `already_in` the first run takes all members, the next one those who joined since."""
    world = World(PRO)
    world.identify(1, "old", plan="pro")
    world.publish(scheduled(already_in=True, reentry="after_exit"), at=5)
    world.track(6, "anything", "old")
    world.identify(7, "new", plan="pro")
    world.pass_time(NINE)
    assert world.told() == [
        (NINE, "new", "entered", "j.sent"),
        (NINE, "old", "entered", "j.sent"),
    ]
    world.track(10 * HOUR, "out", "old")
    world.identify(11 * HOUR, "late", plan="pro")
    world.pass_time(3 * DAY)
    assert world.told() == [
        (10 * HOUR, "old", "exited", "j.sent exit_condition"),
        (DAY + NINE, "late", "entered", "j.sent"),
    ]


def test_who_was_a_member_before_is_not_new() -> None:
    """Without `already_in` who qualified at publishing is not taken until they newly qualify."""
    world = World(PRO)
    world.identify(1, plan="pro")
    world.publish(scheduled(), at=5)
    world.identify(6, plan="pro", city="Oslo")
    world.pass_time(DAY)
    assert entries(world) == []
    world.identify(DAY, plan="free")
    world.identify(DAY + 1, plan="pro")
    world.pass_time(2 * DAY)
    assert entries(world) == [DAY + NINE]


def test_who_does_not_qualify_at_the_run_needs_a_new_cause() -> None:
    """A user who has left the audience by the run is not taken, nor by the next one."""
    world = World(PRO, scheduled())
    world.identify(1, plan="pro")
    world.identify(2, plan="free")
    assert world.user().wake is None
    world.pass_time(DAY)
    world.identify(DAY + 1, plan="pro")
    world.pass_time(3 * DAY)
    assert entries(world) == [DAY + NINE]


@pytest.mark.parametrize(
    ("schedule", "reentry", "expected"),
    [
        (DAILY, "after_exit", [NINE, 4 * DAY + NINE]),
        (DAILY, "never", [NINE]),
        (EVERYONE, "after_exit", [NINE, 2 * DAY + NINE, 4 * DAY + NINE]),
        (EVERYONE, {"after_exit": {"cool_down": "2 days"}}, [NINE, 4 * DAY + NINE]),
        (EVERYONE, "never", [NINE]),
    ],
)
def test_who_has_left_must_qualify_anew_unless_a_run_takes_everyone(
    schedule: dict[str, Any],
    reentry: object,
    expected: list[float],
) -> None:
    """After an exit a new cause is needed, or with `everyone` only that the policy allows it."""
    world = World(PRO, scheduled(schedule, reentry=reentry))
    world.identify(1, plan="pro")
    world.track(DAY + 10 * HOUR, "out")
    world.track(2 * DAY + 10 * HOUR, "out")
    world.identify(3 * DAY, plan="free")
    world.identify(3 * DAY + 10 * HOUR, plan="pro")
    world.pass_time(9 * DAY)
    assert entries(world) == expected


def test_everyone_needs_no_cause() -> None:
    """With `everyone` who qualified before publishing is taken too, once they were looked at."""
    world = World(PRO)
    world.identify(1, plan="pro")
    world.publish(scheduled(EVERYONE), at=5)
    world.pass_time(DAY)
    world.track(DAY + 1, "anything")
    world.pass_time(3 * DAY)
    assert entries(world) == [DAY + NINE]


def test_a_schedule_ends() -> None:
    """After the last run nobody enters, and nobody waits."""
    world = World(PRO, scheduled({"every": "once", "dates": ["2024-03-02"], "at": ["09:00"]}))
    world.identify(1, plan="pro")
    world.pass_time(DAY + NINE)
    assert entries(world) == [DAY + NINE]
    world.identify(2 * DAY, "u2", plan="pro")
    world.pass_time(400 * DAY)
    assert entries(world, "u2") == []
    assert world.user("u2").wake is None


def test_a_run_is_one_instant_for_all() -> None:
    """The journey's clock decides, not the user's own."""
    world = World(
        PRO, scheduled(time_zone="Asia/Tokyo", time_zone_trait="tz", reentry="after_exit")
    )
    world.identify(1, plan="pro", tz="America/New_York")
    world.pass_time(2 * DAY)
    assert entries(world) == [DAY]


# ── the door, and other ways in ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("schedule", "expected"), [(DAILY, [3 * DAY + NINE]), (EVERYONE, [2 * DAY + NINE])]
)
def test_a_run_that_finds_the_door_closed_is_gone(
    schedule: dict[str, Any], expected: list[float]
) -> None:
    """The run of a paused journey takes nobody; then a new cause, or with `everyone` a new run."""
    world = World(PRO, scheduled(schedule))
    world.identify(1, plan="pro")
    world.command("j", "pause", at=2)
    world.pass_time(DAY + 10 * HOUR)
    assert entries(world) == []
    world.command("j", "resume", at=DAY + 11 * HOUR)
    world.pass_time(2 * DAY + 10 * HOUR)
    world.identify(3 * DAY, plan="free")
    world.identify(3 * DAY + 1, plan="pro")
    world.pass_time(5 * DAY)
    assert entries(world) == expected


def test_who_qualifies_in_a_pause_enters_at_a_run_after_it() -> None:
    """The door is met at the run, not at the cause."""
    world = World(PRO, scheduled())
    world.command("j", "pause", at=1)
    world.identify(2, plan="pro")
    world.command("j", "resume", at=HOUR)
    world.pass_time(DAY)
    assert entries(world) == [NINE]


@pytest.mark.parametrize(("schedule", "expected"), [(DAILY, []), (EVERYONE, [2 * DAY + NINE])])
def test_a_new_version_begins_anew(schedule: dict[str, Any], expected: list[float]) -> None:
    """Who waited for a run of an older version does not wait for one of the newer version."""
    world = World(PRO, scheduled(schedule))
    world.identify(1, plan="pro")
    world.publish(scheduled(schedule, max_duration="9 days"), at=2)
    world.pass_time(DAY + 10 * HOUR)
    assert entries(world) == []
    world.track(DAY + 11 * HOUR, "anything")
    world.pass_time(4 * DAY)
    assert entries(world) == expected


def test_who_is_named_or_sent_waits_for_no_run() -> None:
    """Enrolment and another journey's step let in at once, and the run does not do it again."""
    sends = {"id": "on", "type": "enter_journey", "journey": "j"}
    world = World(PRO, scheduled(), journey("first", sends))
    world.identify(1, plan="pro")
    world.enroll(2, "j")
    world.track(3, "start", "u2")
    world.pass_time(3 * DAY)
    assert [line[:3] for line in world.told()] == [(2, "u1", "entered"), (3, "u2", "entered")]


# ── the very instant ─────────────────────────────────────────────────────────────────────


def test_an_event_at_the_instant_of_a_run_comes_after_it() -> None:
    """Joining at that instant is too late for the run, and so is leaving."""
    world = World(PRO, scheduled())
    world.identify(1, plan="pro")
    world.identify(NINE, plan="free")
    world.identify(NINE, "u2", plan="pro")
    world.pass_time(3 * DAY)
    assert [line[:3] for line in world.told()] == [
        (NINE, "u1", "entered"),
        (DAY + NINE, "u2", "entered"),
    ]


def test_what_time_does_at_the_instant_of_a_run_comes_before_it() -> None:
    """A wait that ends, and a stay that does, are in time for the run of that instant."""
    there = audience("there", {"journey": "first", "is": "at_step", "step": "sent"})
    entry = {"audience": "there", "schedule": EVERYONE, "reentry": "after_exit"}
    world = World(
        there,
        journey("first", wait("wait", "8 hours", "sent"), send("sent")),
        journey("new", entry={**entry, "schedule": DAILY}),
        journey("again", entry=entry, max_duration="1 day"),
    )
    world.track(HOUR, "start")
    world.pass_time(DAY + NINE)
    assert world.told() == [
        (NINE, "u1", "entered", "first.sent"),
        (NINE, "u1", "entered", "again.sent"),
        (NINE, "u1", "entered", "new.sent"),
        (DAY + NINE, "u1", "exited", "again.sent max_duration"),
        (DAY + NINE, "u1", "entered", "again.sent"),
    ]


@pytest.mark.parametrize(
    ("schedule", "expected"), [(DAILY, [NINE]), (EVERYONE, [NINE, DAY + NINE])]
)
def test_no_run_takes_a_user_twice(schedule: dict[str, Any], expected: list[float]) -> None:
    """Who passes through at once, and qualifies as before, at most waits for the next run."""
    outside = {"not": {"journey": "j", "is": "in"}}
    entry = {"condition": outside, "schedule": schedule, "reentry": "after_exit"}
    world = World(journey("j", entry=entry, at_end="exit"))
    world.identify(1, plan="pro")
    world.pass_time(2 * DAY)
    assert entries(world) == expected
    assert world.failures == []


def test_a_run_that_a_fault_prevented_takes_place_when_it_is_mended() -> None:
    """Who was stuck at the run enters at the next try, if they qualify still."""
    world = World(PRO, scheduled())
    world.identify(1, plan="pro")
    user = world.user()
    user.stuck["j"] = "a fault"
    assert user.wake is None
    outcome = advance(user, Retried("u1", START + round(DAY * MICROS), "j"), world.rules)
    assert [each.at for each in memberships(outcome.effects)] == [START + round(DAY * MICROS)]
