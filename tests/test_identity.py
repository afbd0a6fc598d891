"""Two ids are one user: what was done, waited for and told under both is one way on."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journeystream.durations import MICROS
from journeystream.effects import StepMembership
from journeystream.engine import Rules
from journeystream.events import Adopted, Event, Listed
from tests.law_settings import laws
from tests.playing import Partition
from tests.strategies import (
    HOUR,
    MINUTE,
    START,
    Project,
    apart,
    journey_of,
    logs,
    projects,
    rules_of,
)
from tests.town import Town, alias, identify, track

ANON, KNOWN = "anon", "known"


def _journey(*steps: dict[str, Any], **changes: object) -> Rules:
    written = {"id": "j", "name": "J", "entry": {"condition": {"event": "a"}}, **changes}
    return rules_of(journey_of({**written, "steps": list(steps)}))


def _send(id_: str = "sent", onward: str | None = None) -> dict[str, Any]:
    destinations = ["email", "ads"]
    return {
        "id": id_,
        "type": "send_to_destinations",
        "destinations": destinations,
        "next": onward,
    }


def _wait(onward: str | None = "sent") -> dict[str, Any]:
    return {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": onward}


def _told(effects: list[StepMembership]) -> list[tuple[str, str, int, str | None]]:
    """Return what one destination was told: change, step, minutes from the start, reason."""
    return [
        (each.change, each.step, (each.at - START) // MINUTE, each.reason)
        for each in effects
        if each.destination == "email"
    ]


# ── one move ─────────────────────────────────────────────────────────────────────────────


def test_a_wait_goes_on_under_the_known_id() -> None:
    """An hour that began anonymously ends an hour after it began, under the known id only."""
    town = Town(_journey(_wait(), _send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + 20 * MINUTE))
    town.settle()
    town.pass_time(START + 59 * MINUTE)
    assert town.told(KNOWN) == []
    town.pass_time()
    assert _told(town.told(KNOWN)) == [("entered", "sent", 60, None)]
    assert town.told(ANON) == []


def test_what_came_due_on_the_way_happens_at_its_own_time() -> None:
    """A known user whose time has passed already goes on as if the wait had always been theirs."""
    town = Town(_journey(_wait(), _send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + 20 * MINUTE))
    town.homes[KNOWN].take([], until=START + 5 * HOUR)
    town.settle()
    assert _told(town.told(KNOWN)) == [("entered", "sent", 60, None)]


def test_a_claim_overtakes_nothing_that_was_in_the_log() -> None:
    """An order that the old id's partition has yet to read cancels the reminder, as ever."""
    out = {"name": "ordered", "condition": {"event": "b", "since": "entry"}}
    town = Town(_journey(_wait(), _send(), exits=[out]))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + 90 * MINUTE))
    town.take(identify("u2", ANON, START + 100 * MINUTE))
    town.deliver(ANON)
    town.take(track(ANON, "b", START + 30 * MINUTE))
    town.settle()
    assert town.told(ANON) == town.told(KNOWN) == []
    assert town.user(KNOWN).passes["j"].exits == {"exit_condition: ordered": 1}
    assert town.user(ANON).became == KNOWN


def test_who_becomes_known_before_they_are_claimed_stays() -> None:
    """Who somebody is counts at the time of the claim, not when it arrives."""
    town = Town(_journey(_wait(), _send()))
    town.take(identify(KNOWN, "u2", START + MINUTE))
    town.deliver("u2")
    town.take(track("u2", "a", START))
    town.settle()
    assert (town.user("u2").became, town.user("u2").claim) == ("", None)


def test_each_id_has_its_entered_and_its_exited() -> None:
    """Who is in a send step leaves it under the old id and enters it under the new one."""
    town = Town(_journey(_send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + MINUTE))
    town.settle()
    assert _told(town.told(ANON)) == [("entered", "sent", 0, None), ("exited", "sent", 1, "merged")]
    assert _told(town.told(KNOWN)) == [("entered", "sent", 1, None)]
    lists = [(each.user_id, each.change) for each in town.told(ANON) if each.first_or_last]
    assert lists == [(ANON, "entered")] * 2 + [(ANON, "exited")] * 2
    assert len({each.message_id for each in (*town.told(ANON), *town.told(KNOWN))}) == 3


def test_in_a_journey_that_both_are_in_the_known_one_stays() -> None:
    """The other pass ends; it was one person all along."""
    town = Town(_journey(_send()))
    town.take(
        track(ANON, "a", START),
        track(KNOWN, "a", START + MINUTE),
        identify(KNOWN, ANON, START + 2 * MINUTE),
    )
    town.settle()
    assert _told(town.told(ANON))[-1] == ("exited", "sent", 2, "merged")
    assert _told(town.told(KNOWN)) == [("entered", "sent", 1, None)]
    known = town.user(KNOWN)
    assert len(known.instances) == 1
    assert (known.passes["j"].entered, known.passes["j"].exits) == (2, {"merged": 1})


def test_passes_beside_each_other_move_by_their_keys() -> None:
    """A key that is inside already ends; the others move as far as there is room."""
    entry = {
        "condition": {"event": "a"},
        "reentry": {"every_time": {"key": "n", "most": 2}},
    }
    town = Town(_journey(_wait(None), entry=entry))
    town.take(track(ANON, "a", START, n=1), track(ANON, "a", START + MINUTE, n=2))
    town.take(track(KNOWN, "a", START + MINUTE, n=1), identify(KNOWN, ANON, START + 2 * MINUTE))
    town.settle()
    inside = [(each.key, each.number, each.entered_at) for each in town.user(KNOWN).instances]
    assert inside == [("1", 1, START + MINUTE), ("2", 3, START + MINUTE)]


def test_who_has_ordered_is_not_reminded() -> None:
    """A way out that turns true by what the known user did is taken before anybody is told."""
    out = {"name": "ordered", "condition": {"event": "b", "since": "entry"}}
    town = Town(_journey(_send(), exits=[out]))
    town.take(track(ANON, "a", START), track(KNOWN, "b", START + MINUTE))
    town.take(identify(KNOWN, ANON, START + 2 * MINUTE))
    town.settle()
    assert town.told(KNOWN) == []
    assert town.user(KNOWN).passes["j"].exits == {"exit_condition: ordered": 1}


def test_together_they_are_a_cause_but_no_cause_counts_twice() -> None:
    """Two events under two ids are two of one user; what had let one of them in lets nobody in."""
    entry = {"condition": {"event": "a", "at_least": 2}, "reentry": "after_exit"}
    rules = _journey(_send(), entry=entry, at_end="exit")
    one, other = Town(rules), Town(rules)
    one.take(track(ANON, "a", START), track(KNOWN, "a", START + MINUTE))
    other.take(track(ANON, "a", START), track(ANON, "a", START + MINUTE))
    for town in (one, other):
        town.take(identify(KNOWN, ANON, START + 2 * MINUTE))
        town.settle()
    assert [each[0] for each in _told(one.told(KNOWN))] == ["entered", "exited"]
    assert [each[0] for each in _told(other.told(ANON))] == ["entered", "exited"]
    assert other.told(KNOWN) == []


def test_traits_of_the_known_user_win_and_the_others_fill_in() -> None:
    """A trait of both is as the known user has it; lists are those of both."""
    town = Town(_journey(_send(), entry={"condition": {"list": "vip"}}))
    said = {"plan": "free", "city": "Pau"}
    town.take(Event(ANON, "identify", "", START, said, anonymous=True))
    town.take(Listed(ANON, START, "vip", joins=True), Listed(KNOWN, START, "old", joins=True))
    town.take(identify(KNOWN, ANON, START + MINUTE, plan="pro"))
    town.settle()
    known = town.user(KNOWN)
    assert known.traits == {"plan": "pro", "city": "Pau"}
    assert known.lists == {"old": START, "vip": START}
    assert not known.anonymous
    assert [each.user_id for each in town.told(KNOWN)] == [KNOWN] * 2


def test_late_events_of_the_old_id_count_for_the_known_user() -> None:
    """They are handed over, at their own time; their ids are remembered on both sides."""
    town = Town(_journey(_send(), entry={"condition": {"event": "a", "at_least": 3}}))
    first = replace(track(ANON, "a", START), message_id="m1")
    late = replace(track(ANON, "a", START + MINUTE + 1), message_id="m2")
    town.take(first, identify(KNOWN, ANON, START + 2 * MINUTE))
    town.settle()
    town.take(late, first, late)
    town.settle()
    assert list(town.user(KNOWN).facts.values()) == [[START, START + MINUTE + 1]]
    assert town.user(ANON).became == KNOWN


def test_only_an_alias_claims_who_is_known() -> None:
    """An identify with the id of somebody who is known is only an identify."""
    for event, moved in (
        (identify(KNOWN, "u2", START + MINUTE), False),
        (alias("u2", KNOWN, START + MINUTE), True),
    ):
        town = Town(_journey(_wait(), _send()))
        town.take(track("u2", "a", START), event)
        town.settle()
        assert bool(town.user("u2").became) == moved
        assert len(town.user(KNOWN).instances) == moved


def test_the_first_who_claims_an_id_keeps_it() -> None:
    """A device that two people share is the first one's; the second one has nothing of it."""
    town = Town(_journey(_wait(), _send()))
    town.take(track(ANON, "a", START))
    for minutes, user in enumerate(("u1", "u2"), 1):
        town.take(identify(user, ANON, START + minutes * MINUTE))
        town.settle()
    assert town.user(ANON).became == "u1"
    assert [len(town.user(user).instances) for user in ("u1", "u2")] == [1, 0]


def test_a_second_identify_says_nothing_new() -> None:
    """Every login names both ids; only the first of them is handed over."""
    town = Town(_journey(_send()))
    for minutes in range(3):
        town.take(identify(KNOWN, ANON, START + minutes * MINUTE))
    assert len(town._mail[ANON]) == 1


def test_chains_are_followed_and_circles_end() -> None:
    """Everything comes to the last one; of two who become each other the smaller id stays."""
    town = Town(_journey(_wait(), _send()))
    town.take(track(ANON, "a", START))
    town.take(identify("u1", ANON, START + MINUTE), alias("u1", "u2", START + 2 * MINUTE))
    town.settle()
    assert [len(each.instances) for each in map(town.user, (ANON, "u1", "u2"))] == [0, 0, 1]
    town.take(track("u3", "a", START + 3 * MINUTE))
    town.take(alias("u2", "u3", START + 4 * MINUTE), alias("u3", "u2", START + 4 * MINUTE))
    town.settle()
    assert [town.user(user).became for user in (ANON, "u1", "u2", "u3")] == ["u1", "u2", "", "u2"]
    assert town.user("u2").passes["j"].entered == 2


def test_an_adoption_that_is_repeated_counts_once() -> None:
    """Without transactions a turn may be taken again, and write what it wrote."""
    rules = _journey(_send(), entry={"condition": {"event": "a", "at_least": 9}})
    source = Partition(rules)
    source.take([track(ANON, "a", START)])
    [record] = source.store.load([ANON]).values()
    adopted = Adopted(KNOWN, START, record, (ANON,), "once")
    home = Partition(rules)
    home.take([adopted, track(KNOWN, "a", START + MINUTE), adopted])
    assert list(home.store.load([KNOWN])[KNOWN].facts.values()) == [[START, START + MINUTE]]


def test_what_is_adopted_is_a_value() -> None:
    """A failure in the same turn applies it again, so nobody may change it."""
    rules = _journey(_wait(), _send())
    source = Partition(rules)
    source.take([track(ANON, "a", START)])
    [record] = source.store.load([ANON]).values()
    before = deepcopy(record)
    home = Partition(rules)
    home.take([Adopted(KNOWN, START, record, (ANON,), "once")], until=START + HOUR)
    assert _told(home.effects) == [("entered", "sent", 60, None)]
    assert record == before


# ── laws ─────────────────────────────────────────────────────────────────────────────────

PAIR = (ANON, KNOWN)
PATIENCE = st.lists(st.integers(0, 3), max_size=40)


def _play(rules: Rules, log: list[Event], patience: list[int], *, at_once: bool = False) -> Town:
    """Play a log; after each event some of what is on its way arrives, as `patience` says.

    What comes between two deliveries can be taken `at_once`.
    """
    town, waiting = Town(rules), list[Event]()
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
def _shared(draw: st.DrawFn) -> list[Event]:
    """Draw a log of two ids, and an identify with both of them somewhere in it."""
    log = apart(draw(logs(in_order=True, users=PAIR)))
    log = [replace(event, anonymous=event.user_id == ANON) for event in log]
    place = draw(st.integers(0, len(log)))
    at = log[place - 1].at + 1_000 if place else START - 1_000
    call = draw(st.sampled_from((identify, alias)))
    claim = identify(KNOWN, ANON, at) if call is identify else alias(ANON, KNOWN, at)
    later = [replace(event, at=event.at + 2_000) for event in log[place:]]
    return [*log[:place], claim, *later]


@laws
@given(projects(), _shared(), PATIENCE)
def test_every_visit_is_entered_and_left_once(
    project: Project, log: list[Event], patience: list[int]
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
    project: Project, log: list[Event], patience: list[int]
) -> None:
    """What comes between two deliveries can be taken one by one or at once."""
    towns = [_play(rules_of(*project), log, patience, at_once=each) for each in (False, True)]
    for town in towns:
        town.pass_time()
    one, other = ({user: town.homes[user].effects for user in PAIR} for town in towns)
    assert one == other
    one_kept, other_kept = ({user: town.homes[user].stored() for user in PAIR} for town in towns)
    assert one_kept == other_kept


COUNTED = _journey(
    _send(),
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
def test_events_count_as_if_one_user_had_done_them(log: list[Event], patience: list[int]) -> None:
    """Whenever the claim comes and arrives, the facts are those of one user who did everything."""
    town = _play(COUNTED, log, patience)
    alone = Partition(COUNTED)
    alone.take([replace(event, user_id=KNOWN, previous="") for event in log])
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
MANY = _journey(_send(), entry={"condition": {"event": "a", "at_least": 100}})


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
