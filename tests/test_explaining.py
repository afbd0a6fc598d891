"""Why a user is where they are: against the engine, reason by reason, and as people read it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from journeystream.clauses import Clause
from journeystream.durations import MICROS, iso
from journeystream.engine import advance
from journeystream.errors import CommandRefused
from journeystream.events import Due, Event
from journeystream.explaining import Explainer
from journeystream.explanation import Explanation, JourneyExplanation
from journeystream.journeys import Floors
from journeystream.moments import flip
from journeystream.project import load_project
from journeystream.publishing import workshop_of
from journeystream.user import User
from tests.explained import Stage, drawn, shipped
from tests.law_settings import laws
from tests.publishing_world import PROJECT, World, audience, journey, send, wait
from tests.shipped import PROJECT_FILE, template
from tests.strategies import DAY, HOUR, MINUTE, START, Project, journeys, logs, projects

AT_THE_CONDITIONS = {"condition", "audience", "include", "exclude"}
_SECONDS_AN_HOUR = 3_600


def reasons(explained: JourneyExplanation) -> set[str]:
    """Return why the user does not enter."""
    return {obstacle.reason for obstacle in explained.obstacles}


# ── it agrees with the engine ────────────────────────────────────────────────────────────


@laws
@given(projects(), logs(), st.sampled_from((0, MINUTE, 5 * HOUR, DAY)))
def test_what_is_explained_is_what_the_engine_goes_by(
    definitions: Project, log: list[Event], later: int
) -> None:
    """Instances, places and wakes are those of the record; no way out holds of whoever is in."""
    stage = Stage(drawn(*definitions))
    now = max(event.at for event in log) + later
    stage.play(*log, until=now)
    for user in stage.partition.known():
        explanation = stage.explain(user.id, now)
        assert explanation.known
        assert [each.journey for each in explanation.journeys] == sorted(
            definition.id for definition in definitions
        )
        for each in explanation.journeys:
            mine = [one for one in user.instances if one.journey == each.journey]
            assert each.inside == bool(mine)
            assert [one.wakes_at for one in each.instances] == [one.wake for one in mine]
            for told, instance in zip(each.instances, mine, strict=True):
                assert [(one.step, one.since) for one in told.positions] == [
                    (one.step, one.since) for one in instance.positions
                ]
                # Whoever met an exit, or reached a goal, is out, or it is noted.
                assert not any(asked.clause.holds for asked in told.exits)
                assert not any(goal.state == "open" and goal.clause.holds for goal in told.goals)
                assert all(asked.clause.holds for asked in told.stays_while)
                for place in told.positions:
                    assert not any(asked.clause.holds for asked in place.waits_for)
                    turns = [a.clause.turns_at for a in place.waits_for if a.clause.turns_at]
                    assert place.wakes_at is None or place.wakes_at > now
                    assert all(place.wakes_at and place.wakes_at <= turn for turn in turns)


@laws
@given(projects(), logs())
def test_explaining_changes_nothing(definitions: Project, log: list[Event]) -> None:
    """Whoever was explained is stored as before."""
    stage = Stage(drawn(*definitions))
    stage.play(*log)
    before = stage.partition.stored()
    for user in stage.partition.known():
        record = repr(user)
        stage.explainer.explain(user.id, user, user.clock + DAY, stage.floors)
        assert repr(user) == record
    assert stage.partition.stored() == before


@laws
@given(journeys(), logs(users=("u1",)), st.data())
def test_whom_the_door_keeps_out_does_not_enter(
    definition: Any,  # noqa: ANN401  a journey
    log: list[Event],
    data: st.DataObject,
) -> None:
    """As long as a reason at the door holds, no event lets the user in."""
    stage = Stage(drawn(definition))
    stage.play(*log)
    user = stage.partition.store.load(["u1"]).get("u1")
    assume(user is not None)
    assert user is not None
    now = user.clock
    found = reasons(stage.explain("u1", now).journeys[0]) - {"inside"}
    assume(found & {"never_again", "cool_down", "full"})
    entered = user.passes[definition.id].entered
    name = data.draw(st.sampled_from(("a", "b", "c")))
    event = Event("u1", "track", name, now, {"n": data.draw(st.integers(0, 2))})
    after = advance(user, event, stage.partition.rules).user
    assert after is not None
    restarted = after.passes[definition.id].exits.get("restarted", 0)
    assert after.passes[definition.id].entered - restarted <= entered


@laws
@given(journeys(), logs(users=("u1",)))
def test_time_lets_in_whom_only_time_keeps_out(definition: Any, log: list[Event]) -> None:  # noqa: ANN401
    """If only conditions are in the way and time turns them, then the user enters, or is due."""
    stage = Stage(drawn(definition))
    stage.play(*log)
    user = stage.partition.store.load(["u1"]).get("u1")
    assume(user is not None)
    assert user is not None
    now = user.clock
    explained = stage.explain("u1", now).journeys[0]
    assume(explained.obstacles)
    if not reasons(explained) <= AT_THE_CONDITIONS:
        return
    compiled = stage.explainer.journeys.heads[definition.id]
    walk = stage.explainer._walk(user, now, stage.floors)
    turn = flip(compiled.entry, walk.moment(compiled))
    assume(turn is not None)
    assert turn is not None
    then = stage.explain("u1", turn).journeys[0]
    if not then.qualifies:
        return  # a hundred turns that changed nothing
    assert reasons(then) == {"due"}
    entered = user.passes[definition.id].entered
    after = advance(user, Due("u1", turn), stage.partition.rules).user
    assert after is not None
    passes = after.passes[definition.id]
    assert passes.entered > entered or passes.run is not None


@laws
@given(projects(), logs(), st.sampled_from((0, 5 * HOUR)))
def test_people_are_told_every_clause(definitions: Project, log: list[Event], later: int) -> None:
    """Of where a user is, and of why they do not enter, each clause is a line with its truth."""
    stage = Stage(drawn(*definitions))
    now = max(event.at for event in log) + later
    stage.play(*log, until=now)
    for user in stage.partition.known():
        lines = [line.strip() for line in stage.told(user.id, now)]
        for each in stage.explain(user.id, now).journeys:
            shown = [asked for one in each.instances for asked in one.exits]
            shown += [
                a for one in each.instances for place in one.positions for a in place.waits_for
            ]
            if "inside" not in reasons(each):
                shown += each.entry
                assert all(f"not entering: {why.text}" in lines for why in each.obstacles)
            for leaf in [leaf for asked in shown for leaf in leaves(asked.clause)]:
                sign = "[x]" if leaf.holds else "[ ]"
                assert any(line.startswith(f"{sign} {leaf.text}") for line in lines)


def leaves(clause: Clause) -> list[Clause]:
    """Return the leaves of a clause."""
    if not clause.clauses:
        return [clause]
    return [leaf for part in clause.clauses for leaf in leaves(part)]


# ── reason by reason ─────────────────────────────────────────────────────────────────────


def explained(world: World, id_: str, at: float, user: str = "u1") -> JourneyExplanation:
    """Explain one journey in a world, at a second."""
    record = world.store.load([user]).get(user)
    explainer = Explainer(world.published, workshop_of(PROJECT))
    now = START + round(at * MICROS)
    told = explainer.explain(user, record, now, Floors(world.floors), id_)
    return told.journeys[0]


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


# ── places ───────────────────────────────────────────────────────────────────────────────


def test_branches_that_were_taken_are_not_waited_for() -> None:
    """At a split, what is left to happen is shown; what a branch led to is a place of its own."""
    split = {
        "id": "split",
        "type": "multi_branch_split",
        "branches": [
            {"name": "one", "condition": {"event": "one"}, "next": "sent"},
            {"name": "two", "condition": {"event": "two", "within": "1 hour"}, "next": "sent"},
        ],
        "timeout": {"after": "1 day"},
    }
    world = World(journey("j", split, send("sent")))
    world.track(1, "start")
    world.track(2, "one")
    (instance,) = explained(world, "j", 3).instances
    waiting, sent = instance.positions
    assert (waiting.taken, waiting.timeout) == (("one",), "1 day")
    assert [asked.name for asked in waiting.waits_for] == ["two"]
    assert waiting.wakes_at == START + MICROS + DAY
    assert (sent.step, sent.type) == (None, "rest")
    assert sent.told is not None
    assert (sent.told.step, sent.told.destinations) == ("sent", ("email",))


def test_nothing_moves_in_a_journey_that_is_held() -> None:
    """The instance says so, with what it would wait for."""
    world = World(journey("j", wait("pause", "1 hour", "sent"), send("sent")))
    world.track(1, "start")
    world.command("j", "pause", at=2, hold=True)
    told = explained(world, "j", 3)
    assert [each.stands_still for each in told.instances] == ["held"]
    world.command("j", "resume", at=4)
    assert [each.stands_still for each in explained(world, "j", 5).instances] == [None]


def test_goals_are_open_reached_or_met_before() -> None:
    """Each goal says which, and when."""
    goals = [
        {"id": "early", "condition": {"event": "start"}},
        {"id": "late", "condition": {"event": "buy"}},
        {"id": "never", "condition": {"event": "other"}},
    ]
    world = World(journey("j", goals=goals))
    world.track(1, "start")
    world.track(2, "buy")
    (instance,) = explained(world, "j", 3).instances
    states = [(goal.id, goal.state, goal.at) for goal in instance.goals]
    first, second = START + MICROS, START + 2 * MICROS
    assert states == [
        ("early", "met_at_entry", first),
        ("late", "reached", second),
        ("never", "open", None),
    ]


# ── as people read it ────────────────────────────────────────────────────────────────────


def did(at: int, name: str, **properties: object) -> Event:
    """Return what a shopper does, hours after the start."""
    return Event("ann", "track", name, START + at * HOUR, properties)


def shopper() -> Stage:
    """Let a shopper come into the middle of some of our templates."""
    project = load_project(PROJECT_FILE)
    named = ("birthday", "cart_abandonment", "low_recency_winback", "welcome_series")
    stage = Stage(shipped(project, *(template(name) for name in named)), project)
    known = {"lifetime_value": 250, "birthday": "1990-03-20"}
    stage.play(
        Event("ann", "identify", "", START, known),
        did(1, "Form Submitted", form="newsletter"),
        did(2, "Product Added"),
        did(8, "Order Completed"),
    )
    return stage


def test_a_user_in_the_middle_of_shipped_journeys_reads_right() -> None:
    """Golden: what `journeystream explain` prints of a shopper a day and a half later."""
    stage, now = shopper(), START + 36 * HOUR
    stage.play(did(30, "Product Added"), until=now)
    assert stage.told("ann", now) == GOLDEN.splitlines()


def test_json_says_the_same() -> None:
    """Programs read the same answer in camelCase, and there is a schema of it."""
    stage = Stage(drawn())
    told = stage.explain("u1", START)
    assert told.as_json() == {
        "userId": "u1",
        "known": False,
        "became": None,
        "now": "2024-03-01T00:00:00.000Z",
        "journeys": [],
    }
    assert Explanation.model_json_schema(mode="serialization")


GOLDEN = """\
ann at 2024-03-02T12:00:00.000Z

birthday (Birthday), version 1, live: the user is not in it
  not entering: the entry condition does not hold
  entry.condition asks:
    [ ] birthday anniversary_within 7  (from 2024-03-13T00:00:00.000Z on)

cart_abandonment (Cart abandonment), version 1, live: the user is not in it
  entered so far: 1; left: exit_condition: ordered (1)
  not entering: the user was in it, and nobody enters it again (reentry: never)
  entry.condition asks:
    [x] all of  (until 2024-03-03T06:00:00.000Z)
      [x] event('Product Added', within='1 day')  (until 2024-03-03T06:00:00.000Z)
      [x] event('Order Completed', within='1 day') == 0

low_recency_winback (Low recency purchase winback), version 1, live: the user is not in it
  entered so far: 1; left: exit_condition: ordered (1)
  not entering: the user was in it, and nobody enters it again (reentry: never)
  not entering: the entry condition does not hold
  entry.condition asks:
    [ ] event('Order Completed', within='180 days') == 0  (from 2024-08-28T08:00:00.000Z on)

welcome_series (Welcome series), version 1, live: the user is in it
  entered so far: 1
  pass 1, version 1, entered 2024-03-01T01:00:00.000Z
    at two_days (wait_for_duration), since 2024-03-01T01:00:00.000Z
      in send step welcome: told email, who are owed the Exited
      time alone may move it on at 2024-03-03T01:00:00.000Z
    leaves at 2024-03-31T01:00:00.000Z at the latest (max_duration)
    stays only while entry holds:
      [x] audience('newsletter_subscribers')
        [x] all of
          [x] event('Form Submitted', form == 'newsletter')
          [x] event('Unsubscribed') == 0
"""
