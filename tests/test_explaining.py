"""Why a user is where they are: against the engine, place by place, and as people read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeystream.clauses import Clause
from journeystream.definitions import JourneyDefinition
from journeystream.durations import MICROS
from journeystream.engine import advance
from journeystream.events import Due, Event
from journeystream.explanation import Explanation
from journeystream.moments import Moment, flip
from journeystream.project import load_project
from tests.explained import Stage, drawn, explained, reasons, shipped
from tests.law_settings import laws
from tests.publishing_world import World, journey, send, wait
from tests.shipped import PROJECT_FILE, template
from tests.strategies import DAY, HOUR, MINUTE, START, Project, journeys, logs, projects

AT_THE_CONDITIONS = {"condition", "audience", "include", "exclude"}


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
@given(journeys(), logs(users=("u1",)))
def test_whom_the_door_keeps_out_does_not_enter(
    definition: JourneyDefinition, log: list[Event]
) -> None:
    """Whoever may never enter again, or rests, does not enter by whatever comes."""
    stage, id_ = Stage(drawn(definition)), definition.id
    for event in log:
        stage.play(until=event.at)
        (told,) = stage.explain("u1", event.at).journeys
        stage.play(event)
        user = stage.partition.store.load(["u1"]).get("u1")
        if user is None or id_ not in user.passes:
            continue
        for obstacle in told.obstacles:
            rests = obstacle.until is not None and obstacle.until > user.clock
            if obstacle.reason == "never_again" or (obstacle.reason == "cool_down" and rests):
                assert user.passes[id_].entered == told.entered


@laws
@given(journeys(), logs(users=("u1",)))
def test_time_lets_in_whom_only_time_keeps_out(
    definition: JourneyDefinition, log: list[Event]
) -> None:
    """If only conditions are in the way and time turns them, then the user enters, or is due."""
    stage, id_ = Stage(drawn(definition)), definition.id
    compiled = stage.explainer.journeys.heads[id_]
    for event in log:
        stage.play(event)
        user = stage.partition.store.load(["u1"]).get("u1")
        if user is None or not reasons(told := stage.explain("u1", user.clock).journeys[0]):
            continue
        turn = flip(compiled.entry, Moment(user, user.clock))
        if not reasons(told) <= AT_THE_CONDITIONS or turn is None:
            continue
        then = stage.explain("u1", turn).journeys[0]
        if not then.qualifies:
            continue  # a hundred turns that changed nothing
        assert reasons(then) == {"due"}
        after = advance(user, Due("u1", turn), stage.partition.rules).user
        assert after is not None
        assert after.passes[id_].entered > told.entered or after.passes[id_].run is not None


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
