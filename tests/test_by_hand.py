"""By hand users are taken out of journeys, or moved to steps: whoever is told, and what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition
from journeystream.durations import MICROS
from journeystream.effects import Travelled
from journeystream.engine import Rules
from journeystream.events import Enrolled, Erased, Event, Message, Moved, Removed, Retried
from journeystream.turn import sweep, take_turn
from journeystream.user import User
from tests.failing_turns import Partition as FailingPartition
from tests.failing_turns import breaking, event, rules, told, with_bad
from tests.law_settings import laws
from tests.playing import Partition, play
from tests.publishing_world import World, journey, send, wait
from tests.strategies import END_OF_TIME, HOUR, MINUTE, START, journey_of, journeys, logs, rules_of
from tests.town import ANON, KNOWN, Town, identify, track

WAYS = (
    send("first", next="pause"),
    wait("pause", "1 hour", "second"),
    send("second", next="later"),
    wait("later", "1 hour", "third"),
    send("third"),
)
BESIDE = {"condition": {"event": "start"}, "reentry": {"every_time": {"key": "n", "most": 3}}}


# ── taken out ────────────────────────────────────────────────────────────────────────────


def test_who_is_taken_out_has_left() -> None:
    """They are exited at once, and nothing that was due later happens; others stay."""
    world = World(journey("j", *WAYS), travels=True)
    world.track(0, "start")
    world.track(0, "start", "u2")
    world.take_out(60, "j")
    world.pass_time(3_600)
    assert world.told() == [
        (0, "u1", "entered", "j.first"),
        (0, "u2", "entered", "j.first"),
        (60, "u1", "exited", "j.first removed"),
        (3_600, "u2", "exited", "j.first moved_on"),
        (3_600, "u2", "entered", "j.second"),
    ]
    assert world.user().passes["j"].exits == {"removed": 1}
    rows = [each for each in world.travelled if isinstance(each, Travelled)]
    assert [each.stage_id for each in rows if each.user_id == "u1"][-1] == "orphan"


def test_every_pass_leaves_or_the_one_with_the_key() -> None:
    """Of passes beside each other a key names one, as the journey's entries do."""
    world = World(journey("j", *WAYS, entry=BESIDE))
    for n in (1, "two", "3" * 300):
        world.track(0, "start", n=n)
    world.take_out(1, "j", key="1")
    world.take_out(1, "j", key="3" * 300)
    assert [each.key for each in world.user().instances] == ["two"]
    world.track(2, "start", n=1)
    world.take_out(3, "j")
    assert world.user().instances == []
    assert world.user().passes["j"].exits == {"removed": 4}


@pytest.mark.parametrize("rest", ["pause", "stop"])
def test_who_is_taken_out_leaves_a_journey_at_rest(rest: str) -> None:
    """Nobody is kept by a journey in which nobody moves."""
    world = World(journey("j", *WAYS))
    world.track(0, "start")
    world.command("j", rest, at=1, hold=rest == "pause")
    world.take_out(2, "j")
    assert world.told()[-1] == (2, "u1", "exited", "j.first removed")
    assert world.user().instances == []


def test_who_was_taken_out_comes_in_as_after_any_exit() -> None:
    """What lets them in is a new cause, where the journey lets users in again at all."""
    again = {"condition": {"event": "start"}, "reentry": "after_exit"}
    world = World(journey("j", send("sent")), journey("again", send("sent"), entry=again))
    for at in (0, 2):
        world.track(at, "start")
        world.take_out(at + 1, "j")
        world.take_out(at + 1, "again")
    journeys_told = [each[3] for each in world.told() if each[2] == "entered"]
    assert journeys_told == ["j.sent", "again.sent", "again.sent"]


# ── moved ────────────────────────────────────────────────────────────────────────────────


def test_who_is_moved_goes_on_from_there() -> None:
    """They leave the send step that they were in, and enter the one where they are."""
    world = World(journey("j", *WAYS), travels=True)
    world.track(0, "start")
    world.move(60, "j", "second")
    world.move(120, "j", "later")
    world.pass_time(9_000)
    assert world.told() == [
        (0, "u1", "entered", "j.first"),
        (60, "u1", "exited", "j.first moved"),
        (60, "u1", "entered", "j.second"),
        (120, "u1", "exited", "j.second moved"),
        (3_720, "u1", "entered", "j.third"),
    ]
    rows = [each for each in world.travelled if isinstance(each, Travelled)]
    parents = [(each.stage_id, each.parent_id) for each in rows]
    assert ("second", "pause") in parents
    assert ("later", "later") in parents


def test_who_is_moved_back_visits_again() -> None:
    """To the step where they rest too: each visit has its Entered, its Exited and its number."""
    world = World(journey("j", send("sent")))
    world.track(0, "start")
    world.move(1, "j", "sent")
    assert world.told() == [
        (0, "u1", "entered", "j.sent"),
        (1, "u1", "exited", "j.sent moved"),
        (1, "u1", "entered", "j.sent"),
    ]
    assert world.user().instances[0].visits == {"sent": 2}


def test_who_stands_at_many_places_stands_at_one() -> None:
    """All paths of a pass are left; where they meet, a new round begins."""
    branches = [{"name": name, "condition": {"event": name}, "next": f"to-{name}"} for name in "ab"]
    meeting = (
        {"id": "split", "type": "multi_branch_split", "mode": "every_match", "branches": branches},
        send("to-a", next="met"),
        send("to-b", next="met"),
        {"id": "met", "type": "merge", "next": "last"},
        send("last"),
    )
    world = World(journey("j", *meeting))
    for at, name in enumerate(("start", "a")):
        world.track(at, name)
    assert len(world.user().instances[0].positions) == 2
    world.told()
    world.move(3, "j", "to-b")
    world.track(4, "b")
    assert world.told() == [
        (3, "u1", "exited", "j.last moved"),
        (3, "u1", "entered", "j.to-b"),
        (3, "u1", "exited", "j.to-b moved_on"),
        (3, "u1", "entered", "j.last"),
    ]
    assert len(world.user().instances[0].positions) == 1


def test_a_step_is_one_of_the_version_that_a_pass_is_in() -> None:
    """Who is in an older version without it stays, others move; no other journey is meant."""
    world = World(journey("j", *WAYS))
    world.track(0, "start")
    world.publish(journey("j", *WAYS[:3], wait("later", "1 hour", "newest"), send("newest")), at=1)
    world.track(2, "start", "u2")
    world.told()
    for user in ("u1", "u2"):
        world.move(3, "j", "newest", user)
        world.move(3, "another", "first", user)
    assert world.told() == [
        (3, "u2", "exited", "j.first moved"),
        (3, "u2", "entered", "j.newest"),
    ]


def test_in_a_held_journey_the_new_place_waits() -> None:
    """The old step is left at once; what the new one does waits until the journey goes on."""
    world = World(journey("j", *WAYS))
    world.track(0, "start")
    world.command("j", "pause", at=1, hold=True)
    world.move(2, "j", "third")
    world.pass_time(9_000)
    assert world.told()[1:] == [(2, "u1", "exited", "j.first moved")]
    world.command("j", "resume", at=9_001)
    assert world.told() == [(9_001, "u1", "entered", "j.third")]


def test_in_a_stopped_journey_nobody_is_moved() -> None:
    """Nothing moves in it any more, by hand neither."""
    world = World(journey("j", *WAYS))
    world.track(0, "start")
    world.command("j", "stop", at=1)
    world.move(2, "j", "third")
    assert world.told() == [(0, "u1", "entered", "j.first")]


def test_a_way_out_comes_before_the_new_step() -> None:
    """Who reaches a goal by standing there has left before anything is told of the step."""
    there = {"journey": "j", "is": "at_step", "step": "third"}
    goal = {"id": "there", "condition": there, "exits": True}
    world = World(journey("j", *WAYS, goals=[goal]))
    world.track(0, "start")
    world.move(1, "j", "later")
    world.move(2, "j", "third")
    assert [each[3] for each in world.told()] == ["j.first", "j.first moved"]
    assert world.user().passes["j"].exits == {"goal: there": 1}


def test_other_journeys_notice_it() -> None:
    """To leave a step by hand turns what they ask for, and so does to be taken out."""
    away = {"not": {"journey": "j", "is": "at_step", "step": "first"}}
    anew = {"every_time": {"key": "n", "on_repeat": "restart"}}
    gone = {"journey": "j", "is": "has_exited", "reason": "removed"}
    world = World(
        journey("j", *WAYS),
        journey("away", send("sent"), entry={"condition": away, "reentry": anew}),
        journey("gone", send("sent"), entry={"condition": gone}),
    )
    world.track(0, "start")
    world.enroll(1, "away")
    world.told()
    world.move(2, "j", "third")
    world.take_out(3, "j")
    assert world.told() == [
        (2, "u1", "exited", "j.first moved"),
        (2, "u1", "entered", "j.third"),
        (2, "u1", "exited", "away.sent restarted"),
        (2, "u1", "entered", "away.sent"),
        (3, "u1", "exited", "j.third removed"),
        (3, "u1", "entered", "gone.sent"),
    ]


def _with_door(written: JourneyDefinition) -> Rules:
    """Put a door before a journey: whoever comes waits, and `to STEP` leads to any step."""
    whole = written.model_dump(mode="json", by_alias=True, exclude_none=True)
    branches = [
        {"name": each.id, "condition": {"event": f"to {each.id}"}, "next": each.id}
        for each in written.steps
    ]
    door: dict[str, Any] = {"id": "door", "type": "multi_branch_split", "mode": "first_to_happen"}
    door |= {"branches": branches, "timeout": {"after": "12 months"}}
    whole["steps"] = [door, *whole["steps"]]
    whole["entry"] = {"condition": {"event": "start"}}
    whole["leave_when_not_in_audience"] = False
    return rules_of(journey_of(whole))


@laws
@given(journeys(), logs(in_order=True, users=("u1",)), st.data())
def test_who_is_moved_is_as_who_has_walked_there(
    written: JourneyDefinition, log: list[Event], data: st.DataObject
) -> None:
    """An edge or a hand: from the step on the same is told, under the same ids, and kept."""
    world = _with_door(written)
    step = data.draw(st.sampled_from([each.id for each in written.steps]))
    comes: list[Message] = [Event("u1", "track", "start", START - HOUR)]
    at = START - MINUTE
    walked = play(world, [*comes, Event("u1", "track", f"to {step}", at), *log])
    moved = play(
        world,
        [*comes, Event("u1", "track", "to nowhere", at), Moved("u1", at, "j", step), *log],
    )
    assert moved.effects == walked.effects
    one, other = (_user(each) for each in (walked, moved))
    assert (one.instances, one.passes, one.traits) == (other.instances, other.passes, other.traits)


def _user(partition: Partition) -> User:
    return partition.store.load(["u1"])["u1"]


# ── how they count ───────────────────────────────────────────────────────────────────────


def test_each_counts_once() -> None:
    """A repeat means nothing, whatever came between: who came in again stays."""
    entry = {"condition": {"event": "start"}, "reentry": "after_exit"}
    start = [Event("u1", "track", "start", START + n * MINUTE) for n in range(9)]
    log: list[Message] = [
        start[0],
        Removed("u1", START + MINUTE, "j", message_id="1"),
        start[2],
        Removed("u1", START + 3 * MINUTE, "j", message_id="1"),
        Moved("u1", START + 4 * MINUTE, "j", "third", message_id="2"),
        Moved("u1", START + 5 * MINUTE, "j", "third", message_id="2"),
    ]
    effects = play(rules_of(journey_of(journey("j", *WAYS, entry=entry))), log).effects
    assert [(each.change, each.step, each.reason) for each in effects] == [
        ("entered", "first", None),
        ("exited", "first", "removed"),
        ("entered", "first", None),
        ("exited", "first", "moved"),
        ("entered", "third", None),
    ]


def test_nobody_becomes_known() -> None:
    """Whoever is not known, or was erased, leaves no trace; who is not in it is not touched."""
    partition = Partition(rules_of(journey_of(journey("j", *WAYS))))
    log: list[Message] = [
        Moved("u1", START, "j", "third"),
        Removed("u1", START, "j"),
        Enrolled("u2", START, "j"),
        Erased("u2", START),
        Moved("u2", START, "j", "third"),
    ]
    assert [each.reason for each in partition.take(log)] == [None, "erased"]
    assert partition.stored().records == {}
    other = Event("u3", "track", "start", START)
    partition.take([other, Removed("u3", START, "j"), Moved("u3", START, "j", "third")])
    [left] = partition.known()
    assert (left.instances, left.passes["j"].entered) == ([], 1)


def test_they_follow_who_became_another() -> None:
    """What is meant for the old id is done to the user who has its passes now."""
    town = Town(rules_of(journey_of(journey("j", *WAYS))))
    town.take(track(ANON, "start", START), identify(KNOWN, ANON, START + MINUTE))
    town.settle()
    town.take(Moved(ANON, START + 2 * MINUTE, "j", "third", "1"))
    town.settle()
    town.take(Removed(ANON, START + 3 * MINUTE, "j"))
    town.settle()
    assert [(each.change, each.step, each.reason) for each in town.told(KNOWN)] == [
        ("entered", "first", None),
        ("exited", "first", "moved"),
        ("entered", "third", None),
        ("exited", "third", "removed"),
    ]


def test_what_is_due_happens_before() -> None:
    """A wait that ends at the instant of the move has ended."""
    partition = Partition(rules_of(journey_of(journey("j", *WAYS))))
    partition.take([Event("u1", "track", "start", START)])
    told_ = partition.take([Moved("u1", START + HOUR, "j", "third")])
    assert [(each.change, each.step) for each in told_] == [
        ("exited", "first"),
        ("entered", "second"),
        ("exited", "second"),
        ("entered", "third"),
    ]


# ── journeys that fail ───────────────────────────────────────────────────────────────────


def test_who_is_stuck_can_be_moved_past_what_fails() -> None:
    """They stand at the new step, and go on from it when the journey is tried again."""
    partition = FailingPartition(rules(since=START + MINUTE))
    partition.take(event("x1", "broken", START))
    partition.take(event("x1", "go", START + 2 * MINUTE))
    assert partition.user("x1").stuck == {"bad": "BugError()"}
    turn = partition.take(Moved("x1", START + 3 * MINUTE, "bad", "sent"))
    assert (turn.failures, told(turn)) == ([], [])
    clock = partition.store.partition().clock
    turn = sweep([Retried("x1", clock, "bad")], clock, partition.store, partition.rules)
    assert (turn.failures, told(turn)) == ([], [("x1", "bad", "sent")])


def test_a_move_to_what_fails_is_not_lost() -> None:
    """The journey is stuck, and they stand where they were brought."""
    partition = FailingPartition(rules(since=START + MINUTE))
    partition.take(event("x1", "broken", START), event("x1", "go", START + 1))
    turn = partition.take(Moved("x1", START + 2 * MINUTE, "bad", "wait"))
    assert len(turn.failures) == 1
    user = partition.user("x1")
    assert list(user.stuck) == ["bad"]
    assert [each.step for each in user.instances[0].positions] == ["wait"]


def test_who_is_stuck_can_be_taken_out() -> None:
    """They leave, unless the entry condition is what fails: then the note is a dead letter."""
    partition = FailingPartition(rules(since=START + MINUTE))
    partition.take(event("x1", "broken", START))
    partition.take(event("x1", "go", START + 2 * MINUTE))
    sound = partition.rules
    partition.rules = with_bad(sound, lambda bad: replace(bad, entry=breaking(bad.entry)))
    removed = Removed("x1", START + 3 * MINUTE, "bad")
    turn = partition.take(removed)
    assert [each.index for each in turn.failures] == [0]
    partition.rules = sound
    turn = partition.take(removed)
    assert (turn.failures, partition.user("x1").instances) == ([], [])


def test_time_alone_ends_nothing_of_a_pass_that_is_gone() -> None:
    """No alarm of a pass is left behind by either."""
    limited = journey("j", *WAYS, max_duration="1 day")
    partition = Partition(rules_of(journey_of(limited)))
    partition.take([Event("u1", "track", "start", START), Removed("u1", START + MINUTE, "j")])
    clock = partition.store.partition().clock
    turn = take_turn([], clock, partition.store, partition.rules, until=END_OF_TIME)
    assert turn.effects == []
    assert clock > START + MICROS
    assert partition.stored().alarms == []
