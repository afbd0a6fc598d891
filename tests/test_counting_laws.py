"""What counts: a repeat once, an unknown event not at all, a trait when it becomes another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition
from journeystream.engine import Rules
from journeystream.events import Event
from journeystream.journeys import Journeys
from journeystream.repeats import Memory
from tests.law_settings import laws
from tests.playing import Partition, play
from tests.strategies import (
    DAY,
    MINUTE,
    START,
    USERS,
    Cuts,
    Project,
    cuts,
    events,
    journey_of,
    logs,
    projects,
    rules_of,
    with_repeats,
)

# ── repeats ──────────────────────────────────────────────────────────────────────────────

_LONG_MEMORY = Memory(window=100 * DAY)


@laws
@given(projects(), logs(), st.data(), cuts())
def test_repeats_count_once(
    project: Project, log: list[Event], data: st.DataObject, sizes: Cuts
) -> None:
    """A log in which events are sent again is as good as the one in which they are not."""
    rules = replace(rules_of(*project), memory=_LONG_MEMORY)
    repeating = data.draw(with_repeats(log))
    once = list({event.message_id: event for event in repeating}.values())
    plain, repeated = play(rules, once), play(rules, repeating, sizes)
    assert repeated.effects == plain.effects
    assert repeated.stored() == plain.stored()


def test_a_repeat_of_an_identify_that_changed_nothing_does_not_undo_a_later_one() -> None:
    """A retry counts once, also when the first sending had nothing new to say."""
    rules = rules_of(_plan_journey())
    log = [
        Event("u1", "identify", "", START + index * MINUTE, {"plan": plan}, message_id=id_)
        for index, (id_, plan) in enumerate((("m1", "free"), ("m2", "free"), ("m3", "pro")))
    ]
    partition = play(rules, [*log, log[1]])
    assert partition.store.load(["u1"])["u1"].traits == {"plan": "pro"}


@pytest.mark.parametrize(("apart", "counted"), [(7 * DAY, 1), (7 * DAY + 1_000, 2)])
def test_repeats_are_known_for_the_window(apart: int, counted: int) -> None:
    """A message id counts once within seven days, and again after them."""
    journey = _counting_journey(2)
    log = [Event("u1", "track", "a", START + at, message_id="m") for at in (0, apart)]
    assert len(play(rules_of(journey), log).effects) == counted - 1


@laws
@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 5))
def test_the_memory_for_repeats_is_bounded(ids: list[int], most: int) -> None:
    """A user keeps at most so many message ids, the newest, and they count once."""
    rules = replace(rules_of(_counting_journey(30)), memory=Memory(ids=most))
    partition = Partition(rules)
    kept: list[int] = []
    counted = 0
    for index, id_ in enumerate(ids):
        partition.take([Event("u1", "track", "a", START + index * MINUTE, message_id=f"m{id_}")])
        if id_ not in kept:
            kept, counted = [*kept, id_][-most:], counted + 1
        user = partition.store.load(["u1"])["u1"]
        assert len(user.seen) == len(kept)
        assert [len(facts) for facts in user.facts.values()] == [counted]


def _counting_journey(count: int) -> JourneyDefinition:
    return journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a", "at_least": count}},
            "steps": [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}],
        }
    )


# ── what does not count ──────────────────────────────────────────────────────────────────


@laws
@given(projects(), logs(in_order=True), st.data())
def test_unknown_events_change_nothing(
    project: Project, log: list[Event], data: st.DataObject
) -> None:
    """Events that no journey asks for leave effects and records as they are."""
    rules = rules_of(*project)
    assume(not rules.journeys.strangers_welcome)
    noisy: list[Event] = []
    for event in log:
        noise = replace(data.draw(events(event.at)), kind="group", name="a")
        noisy += [replace(noise, user_id=data.draw(st.sampled_from((*USERS, "u9"))))] * 2 + [event]
    plain, loud = play(rules, log), play(rules, noisy)
    assert loud.effects == plain.effects
    assert loud.stored() == plain.stored()


@laws
@given(projects(), logs())
def test_a_paused_journey_admits_nobody(project: Project, log: list[Event]) -> None:
    """While a journey is paused nobody enters it, whatever happens."""
    rules = rules_of(*project)
    paused = Journeys(rules.journeys.versions, rules.journeys.heads)
    assert not play(Rules(paused), log).effects


# ── traits ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), ([0], [False])])
def test_a_trait_of_another_kind_is_another_trait(before: object, after: object) -> None:
    """`true` is not 1: a trait that goes from one to the other has changed."""
    log = [
        Event("u1", "identify", "", START + index * MINUTE, {"plan": plan})
        for index, plan in enumerate((before, after))
    ]
    partition = play(rules_of(_plan_journey()), log)
    assert repr(partition.store.load(["u1"])["u1"].traits["plan"]) == repr(after)


def test_a_trait_that_becomes_true_lets_the_user_enter() -> None:
    """A condition on a trait is noticed when the trait changes, from 1 to true too."""
    log = [
        Event("u1", "identify", "", START + index * MINUTE, {"plan": plan})
        for index, plan in enumerate((1, True))
    ]
    [effect] = play(rules_of(_plan_journey(plan=True)), log).effects
    assert effect.at == START + MINUTE


def _plan_journey(plan: object = "pro") -> JourneyDefinition:
    return journey_of(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"trait": "plan", "equals": plan}},
            "steps": [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}],
        }
    )
