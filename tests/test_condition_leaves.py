"""What the reference over events can not show: lists, journeys, floors, bounds, what is read."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.conditions import CompiledCondition, Moment, compile_condition, flip
from journeystream.durations import parse_duration
from journeystream.effects import memberships
from journeystream.engine import Rules, advance
from journeystream.event_facts import sameness
from journeystream.event_language import MOST_LOOKED_AT
from journeystream.events import Event
from journeystream.journeys import Floors
from journeystream.user import NEVER, Hold, Instance, Passes, Position, User
from tests.law_settings import laws_of_conditions as laws
from tests.strategies import DAY, HOUR, MINUTE, START, journey_of, json_values, rules_of
from tests.test_condition_laws import known, remembering
from tests.test_condition_text import read

Written = dict[str, Any]


def compiled(written: Written) -> CompiledCondition:
    """Compile a condition as it is written."""
    return compile_condition(read(written), UTC, {})


def track(name: str, at: int, **properties: object) -> Event:
    """Return an event so long after the start."""
    return Event("u1", "track", name, START + at, properties)


def identify(at: int, **traits: object) -> Event:
    """Return an identify call so long after the start."""
    return Event("u1", "identify", "", START + at, traits)


# ── lists and journeys ───────────────────────────────────────────────────────────────────


def test_a_list_is_what_the_user_was_put_into() -> None:
    """The leaf holds while the user's record names the list, and says that it reads it."""
    condition = compiled({"list": "vips"})
    assert condition.holds(Moment(User("u1", lists={"vips": START}), START))
    assert not condition.holds(Moment(User("u1", lists={"others": START}), START))
    assert condition.lists == {"vips"}


_positions = st.builds(
    Position,
    st.sampled_from((None, "s1", "s2")),
    st.just(START),
    st.none() | st.builds(Hold, st.sampled_from(("s1", "s3")), st.just(1), st.just(["email"])),
)
_goals = st.dictionaries(
    st.sampled_from(("g1", "g2")), st.integers(START - 2 * DAY, START), max_size=2
)
_instances = st.builds(
    Instance,
    st.sampled_from(("a", "b")),
    st.just(1),
    st.just(1),
    st.just(START),
    positions=st.lists(_positions, max_size=2),
    goals=_goals,
)
_passes = st.builds(
    Passes,
    st.just(1),
    exits=st.dictionaries(
        st.sampled_from(("completed", "archived", "exit_condition: out", "completed_not")),
        st.just(1),
        max_size=2,
    ),
    left_at=st.sampled_from((NEVER, START - 2 * DAY, START - HOUR)),
    goals=_goals,
)


@laws
@given(st.lists(_instances, max_size=2), st.dictionaries(st.sampled_from("ab"), _passes))
def test_journey_leaves_read_the_record(
    instances: list[Instance], passes: dict[str, Passes]
) -> None:
    """Each place is what the record of instances, exits and goals says, plainly."""
    user = User("u1", instances=instances, passes=passes)
    here = [each for each in instances if each.journey == "a"]
    exits = passes["a"].exits if "a" in passes else {}
    left = passes["a"].left_at if "a" in passes else NEVER
    reached = [each.goals for each in here] + [
        each.goals for id_, each in passes.items() if id_ == "a"
    ]
    goal = max((goals["g1"] for goals in reached if "g1" in goals), default=NEVER)
    expected = {
        "is_in": bool(here),
        "has_completed": "completed" in exits,
        "has_exited": bool(exits),
        "has_exited('exit_condition')": "exit_condition: out" in exits,
        "has_exited('exit_condition: out')": "exit_condition: out" in exits,
        "has_exited('exit_condition: other')": False,
        "has_exited(within='1 day')": left > START - DAY,
        "reached_goal": any(reached),
        "reached_goal('g1')": goal != NEVER,
        "reached_goal('g1', within='1 day')": goal > START - DAY,
        "at_step('s1')": any(
            place.step == "s1" or (place.hold is not None and place.hold.step == "s1")
            for each in here
            for place in each.positions
        ),
    }
    for place, truth in expected.items():
        condition = compile_condition(read(f"journey('a').{place}"), UTC, {})
        assert condition.holds(Moment(user, START)) == truth, place
        assert condition.journeys == {"a"}
        last = left if "exited" in place else goal
        turns = truth and "within" in place
        assert flip(condition, Moment(user, START)) == (last + DAY if turns else None)


# ── what journeys learned before, and what others keep ───────────────────────────────────


@pytest.mark.parametrize(
    ("written", "log", "truth"),
    [
        ({"trait": "plan", "changed": True}, [identify(0, plan="pro")], False),
        ({"trait": "plan", "changed": True}, [identify(2 * HOUR, plan="pro")], True),
        ({"trait": "plan", "has_been": "pro", "for": "1 day"}, [identify(0, plan="pro")], False),
        ({"trait": "plan", "has_been": "pro", "for": "23 hours"}, [identify(0, plan="pro")], True),
        ({"sequence": ["a", "b"]}, [track("a", 0), track("b", 2 * HOUR)], False),
        (
            {"inaction": {"did": "a", "without": "b", "within": "1 minute"}},
            [track("a", 0)],
            False,
        ),
    ],
)
def test_only_what_came_after_the_floor_counts(
    written: Written, log: list[Event], *, truth: bool
) -> None:
    """What came before the partition knew of the journey counts for no leaf about history."""
    user = known(log, remembering(written))
    moment = Moment(user, START + DAY, floor=START + HOUR)
    assert compiled(written).holds(moment) is truth


def test_a_nested_trait_changes_by_itself() -> None:
    """What changes beside the path that is asked for does not count, nor does the same value."""
    written = {"trait": "address.city", "changed": True}
    log = [
        identify(0, address={"city": "Pau", "zip": 1}),
        identify(HOUR, address={"city": "Pau", "zip": 2}),
        identify(2 * HOUR, address={"city": "Pau", "zip": 2}),
    ]
    user = known(log, remembering(written))
    assert user.changed == {"address.city": START}


def test_what_no_leaf_asks_for_is_not_noted() -> None:
    """A user's record grows with what conditions ask for, and with nothing else."""
    user = known([identify(0, plan="pro")], remembering({"trait": "plan", "equals": "pro"}))
    assert (user.changed, user.values) == ({}, {})


def test_the_newest_values_are_kept() -> None:
    """Where events are compared with the entry's, those of the newest hundred are known."""
    leaf = {"event": "a", "where": {"n": {"equals_entry": "n"}}}
    log = [track("a", index * MINUTE, n=index) for index in range(MOST_LOOKED_AT + 1)]
    user = known(log, remembering(leaf))
    holding = [
        n
        for n in range(MOST_LOOKED_AT + 2)
        if compiled(leaf).holds(Moment(user, user.clock, entry={"n": n}))
    ]
    assert holding == list(range(1, MOST_LOOKED_AT + 1))


def test_others_memory_is_no_ones_truth() -> None:
    """A sequence looks at a hundred events of each kind, also where another leaf keeps more."""
    sequence = {"sequence": ["a", "b"]}
    log = [track("a", 0), track("b", 1)]
    log += [track("b", MINUTE + index * MINUTE) for index in range(MOST_LOOKED_AT)]
    log += [track("a", DAY + index * MINUTE) for index in range(MOST_LOOKED_AT)]
    alone = known(log, remembering(sequence))
    both = known(log, remembering({"all": [sequence, {"event": "a", "at_least": 900}]}))
    truths = [compiled(sequence).holds(Moment(user, user.clock)) for user in (alone, both)]
    assert truths == [False, False]


# ── correlation ──────────────────────────────────────────────────────────────────────────


@laws
@given(json_values(), json_values())
def test_sameness_is_equality_of_one_kind(left: object, right: object) -> None:
    """Two values have the same token when they are equal; 1 is not true, null is nothing."""
    plain = (bool, int, float, str)
    if isinstance(left, plain) and isinstance(right, plain):
        same = left == right and isinstance(left, bool) == isinstance(right, bool)
        assert (sameness(left) == sameness(right)) == same
    assert (sameness(left) is None) == (left is None)


def test_the_order_of_this_cart_ends_the_wait() -> None:
    """`equals_entry` compares with the event that opened the instance, through the engine."""
    bought = {"event": "bought", "where": {"cart": {"equals_entry": "cart"}}}
    steps = [
        {"id": "wait", "type": "wait_for_condition", "condition": bought, "next": "thank"},
        {"id": "thank", "type": "send_to_destinations", "destinations": ["email"]},
    ]
    written = {"id": "j", "name": "J", "entry": {"condition": "event('added')"}, "steps": steps}
    rules, user = rules_of(journey_of(written)), User("u1")
    told = []
    for event in (
        track("added", 0, cart=7),
        track("bought", HOUR, cart=8),
        track("bought", 2 * HOUR),
        track("bought", 3 * HOUR, cart=7.0),
    ):
        outcome = advance(user, event, rules)
        told += [(effect.step, effect.at) for effect in memberships(outcome.effects)]
    assert told == [("thank", START + 3 * HOUR)]


# ── inaction through the engine ──────────────────────────────────────────────────────────


def test_each_abandoned_cart_lets_the_user_in_again() -> None:
    """Added and not bought within 15 minutes: exactly then, and again for the next time."""
    abandoned = "inaction('added', 'bought', within='15 minutes')"
    written = {
        "id": "j",
        "name": "J",
        "entry": {"condition": abandoned, "reentry": "after_exit"},
        "at_end": "exit",
        "steps": [{"id": "remind", "type": "send_to_destinations", "destinations": ["email"]}],
    }
    rules, user = rules_of(journey_of(written)), User("u1")
    told = []
    for event in (
        track("added", 0),
        track("added", 10 * MINUTE),
        track("bought", HOUR),
        track("added", 2 * HOUR),
        track("bought", 2 * HOUR + 14 * MINUTE),
        track("added", 3 * HOUR),
        track("other", 4 * HOUR),
    ):
        outcome = advance(user, event, rules)
        told += [e.at for e in outcome.effects if e.change == "entered"]
    assert told == [START + 15 * MINUTE, START + 3 * HOUR + 15 * MINUTE]


@pytest.mark.parametrize(
    ("stop", "again", "truth"),
    [
        (15 * MINUTE - 1, None, False),
        (15 * MINUTE, None, True),
        (0, None, True),
        (None, 15 * MINUTE - 1, True),
        (None, 15 * MINUTE, False),
    ],
)
def test_the_last_instant_is_too_late(stop: int | None, again: int | None, *, truth: bool) -> None:
    """What comes at the very end of the time neither stops it nor belongs to it."""
    condition = compiled({"inaction": {"did": "a", "without": "b", "within": "15 minutes"}})
    kept = {predicate.name: id_ for id_, predicate in condition.predicates.items()}
    begins = [START, *([] if again is None else [START + again])]
    facts = {kept["a"]: begins, kept["b"]: [] if stop is None else [START + stop]}
    assert condition.holds(Moment(User("u1", facts=facts), START + 15 * MINUTE)) is truth


@pytest.mark.parametrize(
    ("instants", "truth"),
    [((0, HOUR - 1), True), ((0, HOUR), False), ((0, 0), False), ((1, 0), False)],
)
def test_a_sequence_is_strict(instants: tuple[int, int], *, truth: bool) -> None:
    """One after the other, and the last less than the time after the first."""
    condition = compiled({"sequence": ["a", "b"], "within": "1 hour"})
    kept = {predicate.name: id_ for id_, predicate in condition.predicates.items()}
    facts = {kept[name]: [START + at] for name, at in zip("ab", instants, strict=True)}
    assert condition.holds(Moment(User("u1", facts=facts), START + DAY)) is truth


def test_one_event_is_not_two() -> None:
    """A sequence of the same event needs it twice."""
    written = {"sequence": ["a", "a"]}
    assert not compiled(written).holds(Moment(known([track("a", 0)], remembering(written)), START))


def test_a_late_change_does_not_undo_a_newer_one() -> None:
    """A late identify changes the trait, but the last change stays where it was."""
    written = {"trait": "plan", "changed": True, "within": "1 hour"}
    user = known([identify(DAY, plan="pro"), identify(0, plan="free")], remembering(written))
    assert (user.traits, user.changed) == ({"plan": "free"}, {"plan": START + DAY})


# ── calendars come round for ever ────────────────────────────────────────────────────────


def test_what_never_meets_ends() -> None:
    """Two birthdays that never meet: after a hundred turns it is time to ask again."""
    both = compiled(
        {
            "all": [
                {"trait": "mine", "anniversary_within": 0},
                {"trait": "yours", "anniversary_within": 0},
            ]
        }
    )
    user = User("u1", traits={"mine": "2000-01-01", "yours": "2000-07-01"})
    moment = Moment(user, START)
    again = flip(both, moment)
    assert again is not None
    assert again > START + 25 * 365 * DAY
    assert not both.holds(Moment(user, again))


def test_a_part_that_never_holds_stops_the_search() -> None:
    """Where another part decides for ever, no turn is looked for."""
    birthday = {"trait": "born", "anniversary_within": 0}
    never = compiled({"all": [birthday, {"trait": "vip", "equals": True}]})
    user = User("u1", traits={"born": "2000-01-01"})
    assert never.turns(Moment(user, START)) is None
    assert flip(never, Moment(user, START)) is None


# ── durations backwards ──────────────────────────────────────────────────────────────────


@laws
@given(st.integers(0, 2**52), st.sampled_from(("1 hour", "2 weeks", "1 month", "14 months 3 days")))
def test_a_span_back_lies_before(instant: int, span: str) -> None:
    """A span back and forth leads home, but for the days that a month lacks."""
    duration = parse_duration(span)
    before = duration.before(instant, UTC)
    assert before < instant
    home = duration.after(before, UTC)
    assert 0 <= instant - home <= 3 * DAY
    assert duration.months or home == instant


def test_a_state_lasts_from_its_change() -> None:
    """A trait has been so for a day exactly a day after it changed, and not if it changed back."""
    written = {"trait": "plan", "has_been": "pro", "for": "1 day"}
    sent = {"id": "s", "type": "send_to_destinations", "destinations": ["email"]}
    journey = {"id": "j", "name": "J", "entry": {"condition": written}, "steps": [sent]}
    plain = rules_of(journey_of(journey))
    rules = Rules(plain.journeys, Floors({("j", 1): START + HOUR}))
    user = User("u1", known_since=START, clock=START)
    told = []
    for event in (
        identify(2 * HOUR, plan="pro"),
        identify(20 * HOUR, plan="no"),
        identify(2 * DAY, plan="pro"),
        identify(4 * DAY, plan="no"),
    ):
        told += [effect.at for effect in memberships(advance(user, event, rules).effects)]
    assert told == [START + 3 * DAY]
