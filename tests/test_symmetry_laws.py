"""Symmetry: each Entered has its Exited and each add its remove, once, whatever comes between.

That holds of every way through a journey, of who is taken out or moved by hand, and when a
journey is archived or edited while people are in it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.definitions import JourneyDefinition
from journeystream.durations import parse_duration
from journeystream.effects import StepMembership, instance_id, memberships
from journeystream.engine import advance
from journeystream.entry_language import EveryTime
from journeystream.events import Archived, Event, Message
from tests.law_settings import laws
from tests.playing import Partition, play
from tests.strategies import (
    DAY,
    DESTINATIONS,
    END_OF_TIME,
    HOUR,
    MINUTE,
    START,
    USERS,
    Cuts,
    Project,
    cuts,
    handled,
    journey_of,
    logs,
    meeting_journeys,
    projects,
    rules_of,
)

# ── visits ───────────────────────────────────────────────────────────────────────────────


@laws
@given(projects(), handled(), cuts())
def test_every_exited_has_its_entered(project: Project, log: list[Message], sizes: Cuts) -> None:
    """Each visit to a send step is Entered once and Exited at most once, after, with a reason."""
    open_visits: set[tuple[object, ...]] = set()
    visits: dict[tuple[object, ...], int] = defaultdict(int)
    for effect in play(rules_of(*project), log, sizes).effects:
        where = (effect.destination, effect.journey, effect.instance, effect.user_id, effect.step)
        if effect.change == "entered":
            visits[where] += 1
            assert effect.visit == visits[where]
            assert effect.reason is None
            open_visits.add((*where, effect.visit))
        else:
            open_visits.remove((*where, effect.visit))
            assert effect.reason is not None


@laws
@given(projects(), handled(), cuts())
def test_entered_and_exited_alternate(project: Project, log: list[Message], sizes: Cuts) -> None:
    """Where nothing forks, a user is in a step at most once: Entered and Exited alternate."""
    forking = {
        journey.id
        for journey in project
        for step in journey.steps
        if step.type == "multi_branch_split" and step.mode == "every_match"
    }
    forking |= {each.id for each in project if isinstance(each.entry.reentry, EveryTime)}
    inside: dict[tuple[str, ...], tuple[str, int]] = {}
    for effect in play(rules_of(*project), log, sizes).effects:
        if effect.journey in forking:
            continue
        where = (effect.destination, effect.journey, effect.step, effect.user_id)
        before = inside.get(where, ("exited", 0))
        if effect.change == "entered":
            assert before[0] == "exited"
        else:
            assert before == ("entered", effect.visit)
        inside[where] = effect.change, effect.visit


@laws
@given(
    st.lists(st.sampled_from((None, "10 minutes", "5 hours", "1 day")), min_size=1, max_size=8),
    st.booleans(),
    st.lists(st.sampled_from((MINUTE, HOUR, 7 * HOUR, 2 * DAY)), max_size=5),
)
def test_a_wait_is_a_gate_on_the_way_out(
    places: list[str | None],
    ends: bool,  # noqa: FBT001  drawn
    ticks: list[int],
) -> None:
    """A user is in a send step until the next one, through all waits; at the end they rest."""
    steps: list[dict[str, object]] = [
        {"id": f"s{index}", "type": "send_to_destinations", "destinations": ["email"]}
        if duration is None
        else {"id": f"s{index}", "type": "wait_for_duration", "duration": duration}
        for index, duration in enumerate(places)
    ]
    for index, step in enumerate(steps[:-1]):
        step["next"] = f"s{index + 1}"
    now, held = START, ""
    expected: list[tuple[str, str, int, str | None]] = []
    for index, duration in enumerate(places):
        if duration is not None:
            now += parse_duration(duration).micros
            continue
        if held:
            expected.append(("exited", held, now, "moved_on"))
        held = f"s{index}"
        expected.append(("entered", held, now, None))
    if held and ends:
        expected.append(("exited", held, now, "completed"))
    entry = {"condition": {"event": "a"}}
    written = {"id": "j", "name": "J", "entry": entry, "steps": steps}
    partition = Partition(rules_of(journey_of({**written, "at_end": "exit" if ends else "rest"})))
    partition.take([Event("u1", "track", "a", START)])
    for tick in ticks:
        partition.take([], until=START + tick)
    partition.take([], until=END_OF_TIME)
    got = [(effect.change, effect.step, effect.at, effect.reason) for effect in partition.effects]
    assert got == expected


# ── lists, messages and what is stored ───────────────────────────────────────────────────


@laws
@given(projects() | st.tuples(meeting_journeys("j1")), handled(), cuts())
def test_lists_alternate(project: Project, log: list[Message], sizes: Cuts) -> None:
    """A list sees add and remove in turn, and nothing twice, even where branches meet again."""
    on_list: set[tuple[str, str, str]] = set()
    for effect in play(rules_of(*project), log, sizes).effects:
        row = effect.destination, effect.key, effect.user_id
        if effect.first_or_last:
            assert (row in on_list) == (effect.change == "exited")
            on_list ^= {row}
        else:
            assert row in on_list


@laws
@given(projects(), handled(), cuts())
def test_messages_and_state_agree(project: Project, log: list[Message], sizes: Cuts) -> None:
    """Whoever was told Entered and not yet Exited stands, in the stored state, in that step."""
    partition = play(rules_of(*project), log, sizes)
    told: set[tuple[str, str, str, str, int]] = set()
    for effect in partition.effects:
        told ^= {(effect.destination, effect.user_id, effect.instance, effect.step, effect.visit)}
    users = partition.store.load(USERS).values()
    assert told == {
        (
            destination,
            user.id,
            instance_id(instance.journey, user.id, instance.number, instance.entered_at),
            position.hold.step,
            position.hold.visit,
        )
        for user in users
        for instance in user.instances
        for position in instance.positions
        if position.hold is not None
        for destination in position.hold.destinations
    }
    for journey in project:
        inside = {u.id for u in users if any(i.journey == journey.id for i in u.instances)}
        assert partition.store.members(journey.id, 9) == sorted(inside)


@laws
@given(projects(), handled(), cuts())
def test_message_ids_name_one_effect_each(
    project: Project, log: list[Message], sizes: Cuts
) -> None:
    """A message id stands for one change of one visit of one user, in every run the same."""
    named: dict[str, tuple[object, ...]] = {}
    sent: set[tuple[str, str]] = set()
    for effect in play(rules_of(*project), log, sizes).effects:
        change = (*_visit(effect)[1:], effect.journey, effect.version, effect.change)
        assert named.setdefault(effect.message_id, change) == change
        assert (effect.destination, effect.message_id) not in sent
        sent.add((effect.destination, effect.message_id))
    assert len(set(named.values())) == len(named)
    again = play(rules_of(*project), log).effects
    assert {(effect.destination, effect.message_id) for effect in again} == sent


def test_the_message_id_of_an_effect_stays() -> None:
    """The id of an effect is the same in every release, or consumers could not drop repeats."""
    steps = [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}]
    entry = {"condition": {"event": "a"}}
    rules = rules_of(journey_of({"id": "j", "name": "J", "entry": entry, "steps": steps}))
    [effect] = play(rules, [Event("u1", "track", "a", START)]).effects
    assert effect.instance == "0e241275e1b32fe8"
    assert effect.message_id == "2d5353c9683715c33a5faa5d84366403"


def _visit(effect: StepMembership) -> tuple[str, str, str, str, int]:
    return effect.destination, effect.user_id, effect.instance, effect.step, effect.visit


# ── what is archived or edited while it runs ─────────────────────────────────────────────


@laws
@given(projects(), logs(), logs(), st.booleans())
def test_archiving_empties_a_journey(
    project: Project,
    log: list[Event],
    more: list[Event],
    idle: bool,  # noqa: FBT001  drawn
) -> None:
    """Once everyone is archived each Entered has its Exited, and nobody enters again."""
    partition = play(rules_of(*project), log, until=END_OF_TIME if idle else None)
    archived = rules_of(*project, archived=[journey.id for journey in project])
    effects = list(partition.effects)
    at = partition.store.partition().clock
    for user in partition.store.load(USERS).values():
        for journey in project:
            outcome = advance(user, Archived(user.id, at, journey.id), archived)
            told = memberships(outcome.effects)
            effects += told
            assert all(effect.at >= at for effect in told)
        assert not user.instances
        for event in more:
            later = replace(event, user_id=user.id, at=at + event.at - START)
            assert not advance(user, later, archived).effects
    entered = [effect for effect in effects if effect.change == "entered"]
    exited = [effect for effect in effects if effect.change == "exited"]
    assert sorted(map(_visit, entered)) == sorted(map(_visit, exited))


@laws
@given(
    projects() | st.tuples(meeting_journeys()),
    logs(),
    logs(),
    st.lists(st.sampled_from(DESTINATIONS), min_size=1, max_size=2),
)
def test_edited_destinations_owe_nobody(
    project: Project, log: list[Event], more: list[Event], names: list[str]
) -> None:
    """Editing the destinations of a live journey leaves no list and no Entered behind."""
    partition = play(rules_of(*project), log, until=None)
    edited = [_sending_to(journey, sorted(set(names))) for journey in project]
    partition.rules = rules_of(*edited)
    partition.take([replace(event, at=event.at + 2 * DAY) for event in more], until=END_OF_TIME)
    effects = list(partition.effects)
    archived = rules_of(*edited, archived=[journey.id for journey in edited])
    for user in partition.store.load(USERS).values():
        for journey in edited:
            expelled = advance(user, Archived(user.id, END_OF_TIME, journey.id), archived)
            effects += memberships(expelled.effects)
    told: set[tuple[object, ...]] = set()
    on_list: set[tuple[str, str, str]] = set()
    for effect in effects:
        assert (_visit(effect) in told) == (effect.change == "exited")
        told ^= {_visit(effect)}
        row = effect.destination, effect.key, effect.user_id
        assert not effect.first_or_last or (row in on_list) == (effect.change == "exited")
        on_list ^= {row} if effect.first_or_last else set()
    assert not told
    assert not on_list


def _sending_to(journey: JourneyDefinition, names: list[str]) -> JourneyDefinition:
    """Edit a journey in place: every send step has these destinations now."""
    written = journey.model_dump(mode="json", by_alias=True, exclude_none=True)
    for step in written["steps"]:
        if step["type"] == "send_to_destinations":
            step["destinations"] = names
    return journey_of(written)


@pytest.mark.parametrize(
    ("before", "after"), [(["email", "ads"], ["email"]), (["email"], ["email", "ads"])]
)
def test_a_list_is_left_though_its_destination_was_edited(
    before: list[str], after: list[str]
) -> None:
    """Each destination's list has one remove for its add, whichever of two visits it knows of."""
    steps = [
        {
            "id": "split",
            "type": "multi_branch_split",
            "branches": [
                {"name": name, "condition": {"event": name}, "next": "sent"} for name in "bc"
            ],
        },
        {"id": "sent", "type": "send_to_destinations", "destinations": before},
    ]
    exits = [{"name": "out", "condition": {"event": "d"}}]
    entry = {"condition": {"event": "a"}}
    journey = journey_of({"id": "j", "name": "J", "entry": entry, "exits": exits, "steps": steps})
    partition = Partition(rules_of(journey))
    partition.take([Event("u1", "track", name, START + n) for n, name in enumerate("ab")])
    partition.rules = rules_of(_sending_to(journey, after))
    partition.take([Event("u1", "track", name, START + MINUTE + n) for n, name in enumerate("cd")])
    ads = [e.change for e in partition.effects if e.destination == "ads" and e.first_or_last]
    assert ads == ["entered", "exited"]
