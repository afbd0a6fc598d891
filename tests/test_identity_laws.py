"""Laws of identity: whatever is done under two ids, and however claims cross and arrive."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journeystream.durations import MICROS
from journeystream.engine import Rules
from journeystream.events import Event, Message
from tests.law_settings import laws
from tests.playing import Partition
from tests.strategies import (
    START,
    Project,
    apart,
    handled,
    projects,
    rules_of,
)
from tests.town import ANON, KNOWN, Town, alias, identify, journey, send, track

PAIR = (ANON, KNOWN)
PATIENCE = st.lists(st.integers(0, 3), max_size=40)


def _play(rules: Rules, log: list[Message], patience: list[int], *, at_once: bool = False) -> Town:
    """Play a log; after each event some of what is on its way arrives, as `patience` says.

    What comes between two deliveries can be taken `at_once`.
    """
    town, waiting = Town(rules), list[Message]()
    for index, event in enumerate(log):
        waiting.append(event)
        delivery = patience[index] if index < len(patience) else 0
        if delivery or not at_once:
            town.take(*waiting)
            waiting = []
        for user in sorted(PAIR) if delivery else ():
            town.deliver(user, delivery)
    town.take(*waiting)
    town.settle()
    return town


@st.composite
def _shared(draw: st.DrawFn) -> list[Message]:
    """Draw a log of two ids, moved by hand too, and an identify with both somewhere in it."""
    log = [
        replace(each, anonymous=each.user_id == ANON) if isinstance(each, Event) else each
        for each in apart(draw(handled(in_order=True, users=PAIR)))
    ]
    place = draw(st.integers(0, len(log)))
    at = log[place - 1].at + 1_000 if place else START - 1_000
    call = draw(st.sampled_from((identify, alias)))
    claim = identify(KNOWN, ANON, at) if call is identify else alias(ANON, KNOWN, at)
    later = [replace(event, at=event.at + 2_000) for event in log[place:]]
    return [*log[:place], claim, *later]


@laws
@given(projects(), _shared(), PATIENCE)
def test_every_visit_is_entered_and_left_once(
    project: Project, log: list[Message], patience: list[int]
) -> None:
    """Whoever was told Entered of an id is told Exited of it, lists too; nothing is told twice."""
    town = _play(rules_of(*project), log, patience)
    town.pass_time()
    town.settle()
    for user in PAIR:
        inside: set[tuple[object, ...]] = set()
        on_list: set[tuple[str, str]] = set()
        for each in town.told(user):
            visit = each.destination, each.journey, each.instance, each.step, each.visit
            assert (visit in inside) == (each.change == "exited")
            assert (each.reason is None) == (each.change == "entered")
            inside ^= {visit}
            if each.first_or_last:
                row = each.destination, each.key
                assert (row in on_list) == (each.change == "exited")
                on_list ^= {row}
        held = [
            (destination, position.hold.step)
            for instance in town.user(user).instances
            for position in instance.positions
            if position.hold is not None
            for destination in position.hold.destinations
        ]
        assert Counter((visit[0], visit[3]) for visit in inside) == Counter(held)
    assert not town.user(ANON).instances


@laws
@given(projects(), _shared(), PATIENCE)
def test_cutting_the_log_changes_nothing(
    project: Project, log: list[Message], patience: list[int]
) -> None:
    """What comes between two deliveries can be taken one by one or at once."""
    towns = [_play(rules_of(*project), log, patience, at_once=each) for each in (False, True)]
    for town in towns:
        town.pass_time()
    one, other = ({user: town.homes[user].effects for user in PAIR} for town in towns)
    assert one == other
    one_kept, other_kept = ({user: town.homes[user].stored() for user in PAIR} for town in towns)
    assert one_kept == other_kept


COUNTED = journey(
    send(),
    entry={
        "condition": {
            "any": [
                {"event": "a", "at_least": 3, "within": "5 hours"},
                {"event": "b", "exactly": 0},
                {"event": "c", "where": {"n": {"greater_than": 0}}, "at_least": 2},
            ]
        }
    },
)


@laws
@given(_shared(), PATIENCE)
def test_events_count_as_if_one_user_had_done_them(log: list[Message], patience: list[int]) -> None:
    """Whenever the claim comes and arrives, the facts are those of one user who did everything."""
    town = _play(COUNTED, log, patience)
    alone = Partition(COUNTED)
    events = [each for each in log if isinstance(each, Event)]
    alone.take([replace(event, user_id=KNOWN, previous="") for event in events])
    assert town.user(KNOWN).facts == alone.store.load([KNOWN])[KNOWN].facts


IDS = ("u1", "u2", "u3", "u4")
TANGLES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)),
        st.sampled_from(IDS),
        st.tuples(st.sampled_from(IDS), st.integers(1, 2)),
    ),
    max_size=25,
)
MANY = journey(send(), entry={"condition": {"event": "a", "at_least": 100}})


@laws
@given(TANGLES)
def test_nothing_is_lost_and_nothing_goes_round_for_ever(tangle: list[Any]) -> None:
    """However aliases cross, each event counts once, for somebody who became nobody else."""
    town, at, count = Town(MANY), START, 0
    for each in tangle:
        at += MICROS
        match each:
            case str():
                town.take(track(each, "a", at))
                count += 1
            case (user, int(most)):
                town.deliver(user, most)
            case (previous, user):
                town.take(alias(previous, user, at))
    town.settle()
    users = list(town.users())
    facts = [fact for user in users for fact in user.facts.get(_only_predicate(), [])]
    assert len(facts) == count
    became = {user.id: user.became for user in users}
    for user in users:
        assert not (user.became and user.facts)
        id_, steps = user.id, 0
        while became.get(id_):
            id_, steps = became[id_], steps + 1
            assert steps <= len(IDS)


def _only_predicate() -> str:
    [id_] = MANY.journeys.predicates
    return id_
