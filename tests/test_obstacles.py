"""What keeps a user out of a journey: reason by reason, each against what the engine then does."""

from __future__ import annotations

import pytest

from journeystream.durations import MICROS, iso
from journeystream.errors import CommandRefused
from journeystream.explaining import Explainer
from journeystream.journeys import Floors
from journeystream.publishing import workshop_of
from journeystream.user import User
from tests.explained import explained, reasons
from tests.publishing_world import PROJECT, World, audience, journey
from tests.strategies import START

_SECONDS_AN_HOUR = 3_600


def test_nobody_is_explained_too() -> None:
    """Of an unknown user it says so, and what they would have to meet."""
    world = World(journey("j"))
    told = explained(world, "j", 1, "nobody")
    assert reasons(told) == {"unknown_user", "condition"}
    assert (told.inside, told.entered, told.qualifies) == (False, 0, False)


def test_an_unknown_journey_is_refused() -> None:
    """The error says which one was meant."""
    with pytest.raises(CommandRefused, match="did you mean 'welcome'"):
        explained(World(journey("welcome")), "welcom", 1)


@pytest.mark.parametrize(
    ("command", "reason"), [("pause", "paused"), ("stop", "stopped"), ("archive", "archived")]
)
def test_a_journey_that_is_closed(command: str, reason: str) -> None:
    """Whoever would qualify is told that nobody enters, and by which command."""
    world = World(journey("j"))
    world.command("j", command, at=1)
    world.track(2, "start")
    told = explained(world, "j", 3)
    (closed,) = [each for each in told.obstacles if each.reason == reason]
    assert "journeystream" in closed.text


def test_who_was_in_it() -> None:
    """`never` keeps out for good, a cool-down until an instant, being inside until they leave."""
    out = [{"name": "out", "condition": {"event": "stop", "since": "entry"}}]
    rest = {"after_exit": {"cool_down": "1 hour"}}
    entry = {"condition": {"event": "start"}, "reentry": rest}
    world = World(journey("once", exits=out), journey("again", exits=out, entry=entry))
    world.track(1, "start")
    assert reasons(explained(world, "once", 1)) == {"inside"}
    world.track(2, "stop")
    once, again = explained(world, "once", 3), explained(world, "again", 3)
    assert reasons(once) == {"never_again"}
    assert once.exits == {"exit_condition: out": 1}
    assert reasons(again) == {"cool_down"}
    until = again.obstacles[0].until
    assert until == START + (2 + _SECONDS_AN_HOUR) * MICROS
    assert reasons(explained(world, "again", 2 + _SECONDS_AN_HOUR)) == {"needs_cause"}
    world.track(2 + _SECONDS_AN_HOUR, "start")
    assert explained(world, "again", 2 + _SECONDS_AN_HOUR).entered == 2


def test_who_is_in_it_as_often_as_can_be() -> None:
    """Instances beside each other have a most, and each tells its key."""
    policy = {"every_time": {"key": "cart", "most": 2}}
    entry = {"condition": {"event": "start"}, "reentry": policy}
    world = World(journey("j", entry=entry))
    world.track(1, "start", cart="x")
    assert "full" not in reasons(explained(world, "j", 1))
    world.track(2, "start", cart="y")
    told = explained(world, "j", 2)
    assert reasons(told) == {"full"}
    assert [each.key for each in told.instances] == ["x", "y"]


def test_audiences_that_have_to_hold() -> None:
    """Which part of the entry is in the way has a reason of its own, and opens up."""
    entry = {"audience": "pros", "include": ["busy"], "exclude": ["quiet"]}
    world = World(
        audience("pros", {"trait": "plan", "equals": "pro"}),
        audience("busy", {"event": "a", "at_least": 2, "within": "1 hour"}),
        audience("quiet", {"event": "b", "exactly": 0, "within": "1 hour"}),
        journey("j", entry=entry),
    )
    world.identify(1, plan="free")
    told = explained(world, "j", 2)
    assert reasons(told) == {"audience", "include", "exclude"}
    names = [asked.name for asked in told.entry]
    assert names == ["entry", "entry.include", "entry.exclude[0]"]
    included = told.entry[1].clause
    assert (included.kind, included.clauses[0].kind) == ("any", "audience")
    (inner,) = included.clauses[0].clauses
    assert inner.text == "event('a', within='1 hour') >= 2"
    world.identify(3, plan="pro")
    world.track(4, "a")
    world.track(5, "a")
    world.track(6, "b")
    assert explained(world, "j", 6).inside


def test_what_held_before_needs_to_turn() -> None:
    """Who qualified while the door was closed needs a new cause, and so does who did before."""
    world = World(journey("j", entry={"condition": {"trait": "plan", "equals": "pro"}}))
    world.command("j", "pause", at=1)
    world.identify(2, plan="pro")
    world.command("j", "resume", at=3)
    assert reasons(explained(world, "j", 4)) == {"needs_cause"}
    world.identify(5, plan="free")
    assert reasons(explained(world, "j", 5)) == {"condition"}
    world.identify(6, plan="pro")
    assert explained(world, "j", 6).inside


def test_what_time_has_turned_is_due() -> None:
    """A condition turns by time, is due at that instant, and then the engine lets in."""
    quiet = {"all": [{"event": "a"}, {"event": "a", "exactly": 0, "within": "1 hour"}]}
    world = World(journey("j", entry={"condition": quiet}))
    world.track(1, "a")
    told = explained(world, "j", 2)
    assert reasons(told) == {"condition"}
    assert told.obstacles[0].until == START + (1 + _SECONDS_AN_HOUR) * MICROS
    assert reasons(explained(world, "j", 2 + _SECONDS_AN_HOUR)) == {"due"}
    world.pass_time(2 + _SECONDS_AN_HOUR)
    assert explained(world, "j", 2 + _SECONDS_AN_HOUR).inside


def test_other_ways_in() -> None:
    """By a trigger, by name, by the run of a schedule: it says which is missing."""
    world = World(
        journey("first"),
        journey("triggered", entry={"trigger": {"journey": "first", "step": "sent"}}),
        journey("named", entry={"by_name": True}),
        journey("weekly", entry={"condition": {"event": "x"}, "schedule": {"every": "weekly"}}),
    )
    world.track(1, "x")
    assert reasons(explained(world, "triggered", 2)) == {"needs_trigger"}
    assert reasons(explained(world, "named", 2)) == {"needs_enrolment"}
    (run,) = explained(world, "weekly", 2).obstacles
    assert run.reason == "awaits_run"
    assert run.until is not None
    assert iso(run.until) == "2024-03-04T00:00:00.000Z"
    world.pass_time((run.until - START) / MICROS)
    assert explained(world, "weekly", (run.until - START) / MICROS).inside


def test_a_schedule_that_is_over() -> None:
    """After its last run nobody enters, whatever they do."""
    once = {"every": "once", "dates": ["2024-03-01"], "at": ["00:01"]}
    world = World(journey("j", entry={"condition": {"event": "x"}, "schedule": once}))
    world.track(90, "x")
    assert reasons(explained(world, "j", 91)) == {"no_run"}
    world.pass_time(9_999_999)
    assert not explained(world, "j", 9_999_999).inside


def test_a_version_that_counts_history_opens_at_an_instant() -> None:
    """Before the partition's clock has come to where it was published, nobody enters."""
    entry = {"condition": {"event": "start"}, "use_history": True}
    world = World(journey("j", entry=entry))
    world.track(0, "start")
    world.floors["j", 1] = START + 60 * MICROS
    (told,) = [
        each for each in explained(world, "j", 1).obstacles if each.reason == "reads_history"
    ]
    assert told.until == START + 60 * MICROS


def test_a_version_that_the_partition_has_not_learned_of() -> None:
    """As long as nothing was applied since, no event counts for it."""
    world = World(journey("j"))
    world.track(1, "start")
    world.floors.clear()
    told = explained(world, "j", 2)
    assert "not_learned" in reasons(told)
    assert not told.qualifies


def test_who_became_another_and_for_whom_a_journey_failed() -> None:
    """They are told so, and whom to ask for, or which command to give."""
    world = World(journey("j"))
    explainer, floors = Explainer(world.published, workshop_of(PROJECT)), Floors(world.floors)
    gone = User("anon", known_since=START, became="u1")
    told = explainer.explain("anon", gone, START, floors)
    assert (told.known, told.became) == (True, "u1")
    assert "became_another" in reasons(told.journeys[0])
    stuck = User("u1", known_since=START, stuck={"j": "ZeroDivisionError"})
    (journey_,) = explainer.explain("u1", stuck, START, floors).journeys
    texts = {each.reason: each.text for each in journey_.obstacles}
    assert "ZeroDivisionError" in texts["stuck"]
    assert "journeystream retry j" in texts["stuck"]
