"""Versions, holds, stops and archives: what becomes of users in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.effects import memberships
from journeystream.errors import CommandRefused
from journeystream.planning import plan
from tests.law_settings import laws
from tests.publishing_world import World, journey, send, wait

HOUR = 3_600.0
DAY = 24 * HOUR
OLD = journey(
    "j", send("hello", next="rest"), wait("rest", "1 day", "bye"), send("bye", destinations=["ads"])
)


def newer(*steps: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Write a newer version of the journey."""
    return journey("j", *steps, **{"max_duration": "1 week", **changes})


def in_flight(new: dict[str, Any], *, at: float = HOUR, until: float = 30 * DAY) -> Sequence[Any]:
    """Let a user enter the old version, publish the new one, and return what follows."""
    world = World(OLD)
    world.track(0, "start")
    world.told()
    world.publish(new, at=at)
    world.pass_time(until)
    assert not world.failures
    return world.told()


def test_users_stay_on_their_version_unless_it_says_otherwise() -> None:
    """Pinned users go the old way to its end."""
    new = newer(send("other"), in_flight="pin")
    assert in_flight(new, until=2 * DAY) == [
        (DAY, "u1", "exited", "j.hello moved_on"),
        (DAY, "u1", "entered", "j.bye"),
    ]


def test_users_leave_where_it_says_so() -> None:
    """With `exit` everyone in older versions leaves when it is published, with Exited."""
    new = newer(send("other"), in_flight="exit")
    assert in_flight(new) == [(HOUR, "u1", "exited", "j.hello new_version")]


def test_users_move_by_the_id_of_their_step() -> None:
    """Who moves keeps membership and time: the wait began when it began."""
    new = newer(
        send("hello", next="rest"), wait("rest", "3 days", "new"), send("new"), in_flight="move"
    )
    assert in_flight(new, until=4 * DAY) == [
        (3 * DAY, "u1", "exited", "j.hello moved_on"),
        (3 * DAY, "u1", "entered", "j.new"),
    ]


def test_users_move_to_the_step_that_is_named() -> None:
    """A named step is arrived at anew; a step that is gone ends the way there, as `moved`."""
    steps = (send("hello", next="longer"), wait("longer", "3 days", "new"), send("new"))
    named = newer(*steps, in_flight={"move": {"rest": "longer"}})
    assert in_flight(named, until=4 * DAY) == [
        (HOUR + 3 * DAY, "u1", "exited", "j.hello moved_on"),
        (HOUR + 3 * DAY, "u1", "entered", "j.new"),
    ]
    gone = newer(*steps, in_flight="move")
    assert in_flight(gone) == [(HOUR, "u1", "exited", "j.hello moved")]


def test_users_move_over_several_versions() -> None:
    """Of several newer versions each says what becomes of those before it, one after the other."""
    world = World(OLD)
    world.track(0, "start")
    world.publish(newer(send("other"), in_flight="pin"), at=1)
    moved = newer(send("hello", next="rest"), wait("rest", "2 days"), in_flight="move")
    world.publish(moved, at=2)
    assert [each.version for each in world.user().instances] == [3]


@laws
@given(
    st.lists(st.sampled_from(("start", "out", "go")), max_size=8),
    st.sampled_from(("move", "exit", "pin", {"move": {"rest": "hello"}})),
    st.booleans(),
    st.booleans(),
)
def test_whatever_moves_every_entered_has_its_exited(
    names: list[str],
    said: object,
    hello_is_gone: bool,  # noqa: FBT001  drawn
    bye_is_gone: bool,  # noqa: FBT001  drawn
) -> None:
    """However users are moved, and archived at last, visits and lists are paid in full."""
    entry = {"condition": {"event": "start"}, "reentry": {"every_time": {"key": "k"}}}
    out = {"exits": [{"name": "out", "condition": {"event": "out", "since": "entry"}}]}
    world = World({**OLD, "entry": entry, **out})
    for index, name in enumerate(names):
        world.track(index * HOUR, name, k=str(index % 3))
    steps = [
        send("hello", next="rest", destinations=["ads"]),
        wait("rest", "2 days", "bye"),
        send("bye", key="other_key", destinations=["ads"]),
    ]
    if hello_is_gone:
        steps[0] = send("other", next="rest")
    if bye_is_gone:
        steps[1:] = [wait("rest", "5 hours")]
    if isinstance(said, dict) and hello_is_gone:
        said = {"move": {"rest": "other"}}
    at = len(names) * HOUR
    world.publish({**newer(*steps, in_flight=said, entry=entry), **out}, at=at)
    world.track(at + 1, "start", k="x")
    world.pass_time(at + 30 * HOUR)
    world.command("j", "archive", at=at + 31 * HOUR)
    assert not world.failures
    visits: Counter[tuple[object, ...]] = Counter()
    listed: Counter[str] = Counter()
    for each in memberships(world.effects):
        sign = 1 if each.change == "entered" else -1
        visits[each.destination, each.instance, each.step, each.visit] += sign
        listed[each.destination + each.key] += sign * each.first_or_last
        assert listed[each.destination + each.key] in (0, 1)
        assert visits[each.destination, each.instance, each.step, each.visit] in (0, 1)
    assert not any(visits.values())
    assert not any(listed.values())
    assert not world.store.members("j", 9)


# ── hold, stop, archive ──────────────────────────────────────────────────────────────────


def test_a_held_journey_moves_nobody_until_it_goes_on() -> None:
    """Neither timers nor exits move anyone; what came due happens when the journey resumes."""
    exits = [{"name": "out", "condition": {"event": "out"}}]
    world = World({**OLD, "exits": exits})
    for user in ("u1", "u2"):
        world.track(0, "start", user)
    world.told()
    world.command("j", "pause", at=1, hold=True)
    world.track(2, "start", "u3")
    world.track(3, "out", "u2")
    world.pass_time(5 * DAY)
    world.track(5 * DAY, "other")
    assert world.told() == []
    world.command("j", "resume", at=6 * DAY)
    assert world.told() == [
        (6 * DAY, "u1", "exited", "j.hello moved_on"),
        (6 * DAY, "u1", "entered", "j.bye"),
        (6 * DAY, "u2", "exited", "j.hello exit_condition"),
    ]


def test_a_paused_journey_without_hold_goes_on() -> None:
    """Users in flight go their way; nobody enters."""
    world = World(OLD)
    world.track(0, "start")
    world.command("j", "pause", at=1)
    world.track(2, "start", "u2")
    world.pass_time(2 * DAY)
    assert [(user, step) for _, user, _, step in world.told()][1:] == [
        ("u1", "j.hello moved_on"),
        ("u1", "j.bye"),
    ]


def test_a_stopped_journey_moves_nobody_for_good_and_archiving_pays() -> None:
    """Nothing moves, and Exited is still owed; archiving pays it; nothing but that is possible."""
    world = World(OLD)
    world.track(0, "start")
    world.told()
    world.command("j", "stop", at=1)
    world.pass_time(9 * DAY)
    world.track(9 * DAY, "start", "u2")
    assert world.told() == []
    with pytest.raises(CommandRefused, match="possible: archive"):
        world.command("j", "resume", at=9 * DAY)
    world.command("j", "archive", at=10 * DAY)
    assert world.told() == [(10 * DAY, "u1", "exited", "j.hello archived")]


def test_what_is_unarchived_begins_anew() -> None:
    """Nobody is in it, it lets users in once resumed, and nothing from before counts."""
    twice = journey("j", entry={"condition": {"event": "start", "at_least": 2}})
    world = World(twice)
    world.track(0, "start", "u2")
    world.track(1, "start")
    world.track(2, "start")
    world.command("j", "archive", at=3)
    assert [change for _, _, change, _ in world.told()] == ["entered", "exited"]
    world.command("j", "unarchive", at=4)
    world.command("j", "resume", at=6)
    world.track(7, "start", "u2")
    world.track(8, "start", "u3")
    world.track(9, "start", "u3")
    assert world.told() == [(9, "u3", "entered", "j.sent")]


# ── the plan ─────────────────────────────────────────────────────────────────────────────


def definition(document: dict[str, Any]) -> JourneyDefinition:
    """Read a journey."""
    read = parse_definition(document, "a test")
    assert isinstance(read, JourneyDefinition)
    return read


def test_the_plan_names_differences_and_what_becomes_of_whom() -> None:
    """It names each field that differs by its path, and the fate of everyone at each step."""
    new = newer(
        send("hello", next="rest"), wait("rest", "2 days"), in_flight={"move": {"bye": "hello"}}
    )
    said = plan(definition(OLD), definition(new))
    assert set(said.differences) == {
        "max_duration",
        "steps.rest.duration",
        "steps.rest.next",
        "steps.bye",
    }
    assert list(said.lines({"rest": 1, "bye": 1_200}))[1:] == [
        "  step hello: 0 users go on at hello",
        "  step rest: 1 user goes on at rest",
        "  step bye: 1,200 users go on at hello",
    ]
    leaving = plan(definition(OLD), definition({**new, "in_flight": "move"}))
    assert leaving.steps[-1].told(2) == "step bye: 2 users leave"


def test_an_edit_in_place_has_no_plan() -> None:
    """Names, descriptions and destinations are no structure: nothing happens to anybody."""
    said = plan(definition(OLD), definition({**OLD, "name": "Other", "in_flight": "exit"}))
    assert (said.differences, said.steps) == ((), ())
    assert list(said.lines({})) == ["j: no structural difference"]
