"""Goals: reached after entry, once, and never by who met them on entering."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journeystream.durations import MICROS
from journeystream.effects import Assigned, Reached
from tests.law_settings import laws
from tests.publishing_world import World, journey, send
from tests.strategies import START

HOUR = 3_600.0


def wanting(condition: dict[str, Any], *, exits: bool = False, **changes: object) -> dict[str, Any]:
    """Write a journey with one goal."""
    goal = {"id": "paid", "name": "Has paid", "condition": condition, "exits": exits}
    return journey("j", send("sent"), goals=[goal], **changes)


def reached(world: World) -> list[float]:
    """Return when the goal was reached."""
    goals = [each for each in world.travelled if isinstance(each, Reached)]
    assert all(each.goal == "paid" for each in goals)
    return [(each.at - START) // 1_000 / 1_000 for each in goals]


def test_a_goal_counts_and_the_user_stays() -> None:
    """A goal is noted in the instance and in the user's history; nobody leaves by it."""
    world = World(wanting({"event": "pay"}), travels=True)
    world.track(1, "start")
    world.track(2, "pay")
    world.track(3, "pay")
    (instance,) = world.user().instances
    at = START + 2 * MICROS
    assert instance.goals == {"paid": at}
    assert world.user().passes["j"].goals == {"paid": at}
    assert reached(world) == [2]


def test_a_goal_that_exits_takes_the_user_out() -> None:
    """With `exits` the instance ends, before any exit condition is looked at."""
    exits = [{"name": "out", "condition": {"event": "pay"}}]
    world = World({**wanting({"event": "pay"}, exits=True), "exits": exits})
    world.track(1, "start")
    world.track(2, "pay")
    assert world.told()[1:] == [(2, "u1", "exited", "j.sent goal")]
    assert world.user().passes["j"].exits == {"goal: Has paid": 1}


def test_a_goal_that_was_met_on_entering_never_counts() -> None:
    """Who had paid before entering has not reached the goal by it, nor by paying again."""
    world = World(wanting({"event": "pay", "within": "1 hour"}, exits=True), travels=True)
    world.track(0, "pay")
    world.track(1, "start")
    world.track(5 * HOUR, "pay")
    assert reached(world) == []
    assert [change for _, _, change, _ in world.told()] == ["entered"]


def test_time_alone_can_fulfil_a_goal() -> None:
    """A goal that comes true as a window slides is reached at that instant."""
    world = World(wanting({"event": "start", "exactly": 0, "within": "1 hour"}), travels=True)
    world.track(1, "start")
    world.pass_time(9 * HOUR)
    assert reached(world) == [1 + HOUR]


@laws
@given(
    st.lists(
        st.tuples(st.sampled_from((0.0, HOUR)), st.sampled_from(("start", "pay", "out"))),
        max_size=12,
    ),
    st.booleans(),
)
def test_goals_are_what_the_slow_reference_says(
    log: list[tuple[float, str]],
    exits: bool,  # noqa: FBT001  drawn
) -> None:
    """Each instance reaches a goal at the first time that it holds after entry, or never."""
    out = [{"name": "out", "condition": {"event": "out", "since": "entry"}}]
    entry = {"condition": {"event": "start"}, "reentry": "after_exit"}
    goal = {"event": "pay", "within": "1 hour"}
    world = World({**wanting(goal, exits=exits, entry=entry), "exits": out}, travels=True)
    at, paid, inside, opened, expected = 0.0, -1e9, False, False, []
    for gap, name in log:
        at += gap + 1
        world.track(at, name)
        paid = at if name == "pay" else paid
        if name == "start" and not inside:
            inside, opened = True, at >= paid + HOUR
        elif inside and name == "pay" and opened:
            expected.append(at)
            opened, inside = False, not exits
        elif name == "out":
            inside = False
    assert reached(world) == expected


SPLIT = {
    "id": "test",
    "type": "percent_split",
    "paths": [
        {"name": "offer", "share": 50, "next": "sent"},
        {"name": "none", "share": 50, "control": True, "next": "rest"},
    ],
    "goals": [{"name": "bought", "condition": {"event": "pay", "within": "1 hour"}}],
}


def split_journey(*before: dict[str, Any]) -> dict[str, Any]:
    """Write a journey with a percent split that has a goal."""
    rest = {"id": "rest", "type": "wait_for_duration", "duration": "30 days"}
    return journey("j", *before, SPLIT, send("sent"), rest)


def by_path(world: World) -> list[tuple[str, str, str, float]]:
    """Return who reached a goal of a split, the split, the path and when."""
    return [
        (each.user_id, each.split, each.path, (each.at - START) // 1_000 / 1_000)
        for each in world.travelled
        if isinstance(each, Reached)
    ]


def test_a_goal_of_a_split_is_told_with_the_path() -> None:
    """Each user who passed the split reaches its goal once, on the path that they were given."""
    world = World(split_journey(), travels=True)
    users = [f"u{number}" for number in range(20)]
    for at, user in enumerate(users):
        world.track(at, "start", user=user)
    for at, user in enumerate(users[:15], start=50):
        world.track(at, "pay", user=user)
        world.track(at + 0.5, "pay", user=user)
    told = by_path(world)
    assert [(user, at) for user, _, _, at in told] == [
        (user, at) for at, user in enumerate(users[:15], start=50)
    ]
    assert {split for _, split, _, _ in told} == {"test"}
    assert {path for _, _, path, _ in told} == {"offer", "none"}
    for user, _, path, _ in told:
        assert world.user(user).instances[0].paths == {"test": path}


def test_a_goal_of_a_split_is_for_who_passed_it() -> None:
    """What was reached before the split does not count, nor what holds when it is passed."""
    wait = {"id": "wait", "type": "wait_for_duration", "duration": "2 hours", "next": "test"}
    world = World(split_journey(wait), travels=True)
    world.track(0, "start", user="early")
    world.track(10, "pay", user="early")
    world.track(0, "start", user="met")
    world.track(1.5 * HOUR, "pay", user="met")
    world.track(3 * HOUR, "pay", user="early")
    world.track(3 * HOUR, "pay", user="met")
    assert [(user, at) for user, _, _, at in by_path(world)] == [("early", 3 * HOUR)]


def test_whoever_passes_a_split_with_goals_is_told_with_their_path() -> None:
    """Once for each instance, also where the path leads nowhere; both tell of the control."""
    steps = SPLIT | {
        "paths": [
            {"name": "offer", "share": 50, "next": "sent"},
            {"name": "none", "share": 50, "control": True},
        ]
    }
    world = World(journey("j", steps, send("sent")), travels=True)
    for at in range(20):
        world.track(at, "start", user=f"u{at}")
    for at in range(20):
        world.track(at + 50, "pay", user=f"u{at}")
    given_ = [each for each in world.travelled if isinstance(each, Assigned)]
    assert [(each.user_id, each.at, each.entered_at) for each in given_] == [
        (f"u{at}", START + at * MICROS, START + at * MICROS) for at in range(20)
    ]
    assert {(each.path, each.is_control) for each in given_} == {("offer", False), ("none", True)}
    bought = [each for each in world.travelled if isinstance(each, Reached)]
    # Whom the control led nowhere has left, and reaches nothing more.
    offered = [each.user_id for each in given_ if each.path == "offer"]
    assert [each.user_id for each in bought] == offered
    assert {(each.split, each.path, each.is_control) for each in bought} == {
        ("test", "offer", False)
    }
