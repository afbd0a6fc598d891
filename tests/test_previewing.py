"""Who would enter: against the reference of conditions, and against the engine."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journeystream.compiler import Workshop
from journeystream.definitions import JourneyDefinition
from journeystream.engine import Rules, advance
from journeystream.events import Event, PastOver
from journeystream.journeys import Floors
from journeystream.previewing import SAMPLE, Judged, Previewer
from journeystream.user import Passes, User
from tests.condition_reference import Written, holds, one_user
from tests.law_settings import laws, laws_of_conditions
from tests.playing import play
from tests.strategies import START, apart, conditions, journey_of, journeys, logs, rules_of
from tests.strategies.small_journeys import AUDIENCES
from tests.test_condition_laws import known, remembering

SENT: Written = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
WORKSHOP = Workshop(UTC, AUDIENCES, lambda _: {})


def entering(condition: Written, **entry: Any) -> JourneyDefinition:  # noqa: ANN401  JSON
    """Return a journey with an entry."""
    written = {"id": "new", "name": "New", "entry": {"condition": condition, **entry}}
    return journey_of({**written, "steps": [SENT]})


def previewer(definition: JourneyDefinition, rules: Rules) -> Previewer:
    """Prepare a preview beside what is published."""
    return Previewer(definition, WORKSHOP, rules.journeys)


# ── what is known ────────────────────────────────────────────────────────────────────────


@laws_of_conditions
@given(conditions(), logs(users=one_user))
def test_what_was_counted_is_known(written: Written, log: list[Event]) -> None:
    """Where published journeys keep all that is asked for, the whole history's truth is told."""
    log, rules = apart(log), remembering(written)
    asked = previewer(entering(written), rules)
    now = max(event.at for event in log)
    judged = asked.judge(known(log, rules), now)
    assert judged.holds == holds(written, log, now)
    assert asked.preview([judged]).unknown_leaves == ()


@laws_of_conditions
@given(conditions(), conditions(), logs(users=one_user))
def test_nothing_is_guessed(written: Written, kept: Written, log: list[Event]) -> None:
    """Where something else is kept, what is told is true, or it is told which leaf is not known."""
    log, rules = apart(log), remembering(kept)
    asked = previewer(entering(written), rules)
    now = max(event.at for event in log)
    judged = asked.judge(known(log, rules), now)
    if judged.holds is None:
        assert asked.preview([judged]).unknown_leaves
    else:
        assert judged.holds == holds(written, log, now)


def test_a_part_that_decides_is_enough() -> None:
    """What nobody counted matters only where the rest does not decide."""
    rules = remembering({"event": "a"})
    user = known([Event("u1", "identify", "", START, {"plan": "free"})], rules)
    pro, unseen = {"trait": "plan", "equals": "pro"}, {"event": "never counted"}
    truths = {
        "all": previewer(entering({"all": [unseen, pro]}), rules),
        "any": previewer(entering({"any": [unseen, {"not": pro}]}), rules),
        "open": previewer(entering({"all": [unseen, {"not": pro}]}), rules),
    }
    judged = {name: each.judge(user, START).holds for name, each in truths.items()}
    assert judged == {"all": False, "any": True, "open": None}
    told = truths["open"].preview([truths["open"].judge(user, START)])
    assert (told.users, told.qualify, told.unknown) == (1, 0, 1)
    assert told.unknown_leaves == ("event('never counted')",)


def test_fewer_than_are_asked_for_are_not_enough() -> None:
    """Whoever keeps one instant can not tell of three; who keeps three can tell of one."""
    few, many = {"event": "a"}, {"event": "a", "at_least": 3}
    user = User("u1", known_since=START)
    assert previewer(entering(many), remembering(few)).judge(user, START).holds is None
    assert previewer(entering(few), remembering(many)).judge(user, START).holds is False


# ── who enters ───────────────────────────────────────────────────────────────────────────


@laws
@given(journeys("old"), journeys("new"), logs(), st.booleans())
def test_those_who_enter_by_publishing_are_those_the_engine_lets_in(
    old: JourneyDefinition,
    new: JourneyDefinition,
    log: list[Event],
    already_in: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    """`at_once` is whoever the engine lets in, or puts down for a run, when it learns of it."""
    entry = new.entry.model_copy(update={"already_in": already_in})
    new = new.model_copy(update={"entry": entry})
    before, after = rules_of(old), rules_of(old, new)
    partition = play(before, log, until=None)
    now = partition.store.partition().clock
    rules = Rules(after.journeys, Floors({("new", 1): now}))
    asked = previewer(new, before)
    for user in partition.known():
        judged = asked.judge(user, now)
        met = rules.journeys.heads["new"].meets_everyone
        looked_at = advance(user, PastOver(user.id, now, "new"), rules).user
        assert looked_at is not None
        passes = looked_at.passes.get("new", Passes(1))
        assert judged.at_once == (met and (passes.entered > 0 or passes.run is not None))


def test_without_a_run_to_come_nobody_enters_at_once() -> None:
    """A schedule that takes everyone takes nobody when it is over."""
    user = User("u1", known_since=START, traits={"plan": "pro"})
    pro, asked = {"trait": "plan", "equals": "pro"}, remembering({"event": "a"})
    at_once = {}
    for year in (2023, 2025):
        runs = {"every": "once", "dates": [f"{year}-03-01"], "everyone": True}
        judged = previewer(entering(pro, schedule=runs), asked).judge(user, START)
        at_once[year] = judged.at_once
    assert at_once == {2023: False, 2025: True}


@laws
@given(journeys("j"), logs())
def test_who_is_kept_out_is_not_counted(definition: JourneyDefinition, log: list[Event]) -> None:
    """Of a published journey, who is in it or may not enter again is counted by itself."""
    rules = rules_of(definition)
    partition = play(rules, log, until=None)
    now = partition.store.partition().clock
    asked = previewer(definition, rules)
    judged = [asked.judge(user, now) for user in partition.known()]
    told = asked.preview(judged)
    never = definition.entry.reentry == "never"
    for each, user in zip(judged, partition.known(), strict=True):
        if never:
            passes = user.passes.get("j")
            assert each.kept_out == (passes is not None and passes.entered > 0)
    assert told.users == len(judged)
    assert told.qualify + told.kept_out + told.unknown <= told.users
    assert set(told.sample) == {e.user_id for e in judged if e.holds and not e.kept_out}


def test_a_sample_is_bounded_and_always_the_same() -> None:
    """Of a million who qualify some are named, the same ones whatever the order."""
    asked = previewer(entering({"trait": "plan", "equals": "pro"}), remembering({"event": "a"}))
    judged = [
        Judged(f"u{number:03}", holds=True, kept_out=False, at_once=False) for number in range(99)
    ]
    told = asked.preview(judged)
    assert told.sample == tuple(f"u{number:03}" for number in range(SAMPLE))
    assert asked.preview(reversed(judged)) == told
    assert told.qualify == 99


def test_other_ways_in_are_told() -> None:
    """Who enters by name, or by another journey's step, is another question than who qualifies."""
    rules = remembering({"event": "a"})
    named = journey_of({"id": "n", "name": "N", "entry": {"by_name": True}, "steps": [SENT]})
    assert previewer(named, rules).preview([]).enters_by == "enrolment"
    trigger = {"trigger": {"journey": "other", "step": "sent"}}
    triggered = journey_of({"id": "t", "name": "T", "entry": trigger, "steps": [SENT]})
    assert previewer(triggered, rules).preview([]).enters_by == "trigger"
    assert previewer(entering({"event": "a"}), rules).preview([]).enters_by == "conditions"
