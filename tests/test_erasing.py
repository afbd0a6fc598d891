"""Whoever is erased has left everything, and is nobody: in the engine, in turns, and in stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from journeystream.effects import StepMembership, Travelled
from journeystream.engine import advance
from journeystream.events import Answered, Enrolled, Erased, Event, Listed, Message
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.failing_turns import Partition as FailingPartition
from tests.failing_turns import breaking, event, rules, told, with_bad
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
    apart,
    cuts,
    journey_of,
    messages,
    projects,
    rules_of,
)

SENT = {"id": "sent", "type": "send_to_destinations", "destinations": list(DESTINATIONS)}
TWICE = journey_of(
    {
        "id": "j",
        "name": "Two at a time",
        "entry": {"condition": {"event": "a"}, "reentry": {"every_time": {"key": "n"}}},
        "steps": [
            SENT | {"next": "wait"},
            {"id": "wait", "type": "wait_for_duration", "duration": "1 hour", "next": "late"},
            SENT | {"id": "late", "destinations": ["email"]},
        ],
    }
)
STRANGERS = journey_of(
    {
        "id": "j",
        "name": "Whoever is new",
        "entry": {"condition": {"event": "b", "exactly": 0}},
        "steps": [SENT],
    }
)


def a(at: int, n: int = 0) -> Event:
    """Return an event of u1 that lets in."""
    return Event("u1", "track", "a", at, {"n": n})


def changes(effects: Sequence[StepMembership]) -> list[tuple[str, str, bool, str | None]]:
    """Return what destinations are told: where, what, whether a list hears of it, and why."""
    return [(e.destination, e.change, e.first_or_last, e.reason) for e in effects]


# ── who is erased leaves ─────────────────────────────────────────────────────────────────


def test_everyone_who_was_told_is_told() -> None:
    """Of two instances each leaves each destination; the list hears of the last leave alone."""
    partition = Partition(rules_of(TWICE))
    partition.take([a(START, 1), a(START, 2)])
    effects = partition.take([Erased("u1", START + MINUTE)])
    assert changes(effects) == [
        ("email", "exited", False, "erased"),
        ("ads", "exited", False, "erased"),
        ("email", "exited", True, "erased"),
        ("ads", "exited", True, "erased"),
    ]
    assert {each.at for each in effects} == {START + MINUTE}
    assert partition.take([], until=END_OF_TIME) == []


def test_what_was_due_has_happened_before() -> None:
    """A wait that ends at the instant of the erasure ends before it."""
    partition = Partition(rules_of(TWICE))
    partition.take([a(START)])
    effects = partition.take([Erased("u1", START + HOUR)])
    assert [(each.step, each.change, each.reason) for each in effects] == [
        ("sent", "exited", "moved_on"),
        ("sent", "exited", "moved_on"),
        ("late", "entered", None),
        ("late", "exited", "erased"),
    ]


@pytest.mark.parametrize(("held", "stopped"), [("j", ""), ("", "j")])
def test_a_journey_at_rest_keeps_nobody(held: str, stopped: str) -> None:
    """Who is erased leaves journeys too in which nobody moves."""
    partition = Partition(rules_of(TWICE))
    partition.take([a(START)])
    at_rest = replace(
        partition.rules.journeys,
        admitting=frozenset(),
        held=frozenset(held),
        stopped=frozenset(stopped),
    )
    partition.rules = replace(partition.rules, journeys=at_rest)
    effects = partition.take([Erased("u1", START + DAY)])
    assert [each.change for each in effects] == ["exited", "exited"]
    assert partition.stored().records == {}


def test_a_broken_journey_keeps_nobody() -> None:
    """Who is stuck in a journey leaves it, and no broken condition is asked."""
    partition = FailingPartition(rules(since=START + MINUTE))
    partition.take(event("x1", "broken", START), event("x1", "sound", START))
    partition.take(event("x1", "go", START + 2 * MINUTE))
    assert partition.user("x1").stuck == {"bad": "BugError()"}
    partition.rules = with_bad(partition.rules, lambda bad: replace(bad, entry=breaking(bad.entry)))
    turn = partition.take(Erased("x1", START + 3 * MINUTE))
    assert (turn.failures, told(turn)) == ([], [("x1", "sound", "sent")])
    assert list(partition.store.users()) == []


def test_the_travel_log_hears_of_orphans() -> None:
    """The journeys were not left: the user was taken from them."""
    travelling = replace(rules_of(TWICE), travels=True)
    partition = Partition(travelling)
    partition.take([a(START)])
    clock = partition.store.partition().clock
    turn = take_turn([Erased("u1", START)], clock, partition.store, travelling)
    assert [each.stage_id for each in turn.travels if isinstance(each, Travelled)] == ["orphan"]


def test_nobody_is_erased_where_nobody_is() -> None:
    """To erase who is not known tells nobody anything, and changes nothing."""
    outcome = advance(None, Erased("u1", START), rules_of(TWICE))
    assert (outcome.user, outcome.changed, outcome.effects) == (None, False, [])
    turn = take_turn([Erased("u1", START)], NEVER, MemoryStore(), rules_of(TWICE))
    assert (turn.changed, turn.erased) == ({}, set())


@laws
@given(projects(), messages(), cuts())
def test_every_entered_has_its_exited(project: Project, log: list[Message], sizes: Cuts) -> None:
    """Once everyone is erased nothing is owed: one Exited for each Entered, a remove for an add."""
    partition = play(rules_of(*project), apart(log), sizes, until=None)
    partition.take([Erased(user, END_OF_TIME) for user in USERS])
    owed = Counter[tuple[object, ...]]()
    on_list = Counter[tuple[object, ...]]()
    for effect in partition.effects:
        sign = 1 if effect.change == "entered" else -1
        visit = effect.destination, effect.user_id, effect.instance, effect.step, effect.visit
        owed[visit] += sign
        assert owed[visit] in {0, 1}
        if effect.first_or_last:
            row = effect.destination, effect.key, effect.user_id
            on_list[row] += sign
            assert on_list[row] in {0, 1}
    assert not +owed
    assert not +on_list


# ── who was erased is nobody ─────────────────────────────────────────────────────────────


@laws
@given(projects(), messages(), cuts())
def test_nothing_remains(project: Project, log: list[Message], sizes: Cuts) -> None:
    """A store in which everyone was erased is as one that nobody was ever in."""
    partition = play(rules_of(*project), log, sizes)
    partition.take([Erased(user, END_OF_TIME) for user in USERS])
    stored = partition.stored()
    assert (stored.records, stored.alarms) == ({}, [])
    assert [partition.store.members(journey.id, 9) for journey in project] == [[]] * len(project)


@laws
@given(projects(), messages(in_order=True), messages(in_order=True), cuts())
def test_who_comes_again_is_a_stranger(
    project: Project, log: list[Message], more: list[Message], sizes: Cuts
) -> None:
    """After an erasure the same happens as if there had been nothing before it."""
    more = [replace(each, at=each.at + 30 * DAY) for each in more]
    erased: list[Message] = [Erased(user, START + 29 * DAY) for user in USERS]
    whole = play(rules_of(*project), [*log, *erased, *more], sizes)
    before = play(rules_of(*project), [*log, *erased], until=None)
    after = play(rules_of(*project), more)
    assert whole.effects == before.effects + after.effects
    assert whole.stored() == after.stored()


def test_a_journey_meets_a_stranger_again() -> None:
    """Where whoever is new enters, who was erased enters again, in the same batch or later."""
    some = [Event("u1", "track", "z", START + n * MINUTE) for n in range(4)]
    erased = [Erased("u1", each.at) for each in some]
    log: list[Message] = [some[0], erased[1], some[1], some[2], erased[3]]
    for sizes in ((), (1, 1, 1, 1), (2,), (1, 2), (3,)):
        effects = play(rules_of(STRANGERS), log, sizes).effects
        assert [e.change for e in effects if e.destination == "email"] == ["entered", "exited"] * 2


def test_messages_of_two_lives_have_different_ids() -> None:
    """Consumers that drop repeats do not drop who comes again."""
    lives: list[Message] = []
    for start in (START, START + DAY):
        lives += a(start), Erased("u1", start + MINUTE)
    effects = play(rules_of(TWICE), lives).effects
    ids = Counter((effect.destination, effect.message_id) for effect in effects)
    assert set(ids.values()) == {1}


def test_a_repeat_is_none_after_an_erasure() -> None:
    """The memory of message ids is gone with the user."""
    twice = Event("u1", "track", "a", START, {"n": 1}, message_id="m1")
    partition = Partition(rules_of(TWICE))
    partition.take([twice, twice, Erased("u1", START + MINUTE), twice])
    assert [e.change for e in partition.effects if e.destination == "ads"] == [
        "entered",
        "exited",
        "entered",
    ]


@pytest.mark.parametrize(
    "note", [Answered("u1", START + HOUR, "r", []), Listed("u1", START + HOUR, "vip", joins=False)]
)
def test_what_says_nothing_of_strangers_makes_nobody_known(note: Answered | Listed) -> None:
    """An answer, or to be taken off a list, does not bring back who was erased."""
    partition = Partition(rules_of(TWICE))
    partition.take([a(START), Erased("u1", START + MINUTE), note])
    assert partition.stored().records == {}


def test_who_is_named_after_an_erasure_is_known_again() -> None:
    """Being enrolled, or put on a list, is a beginning."""
    partition = Partition(rules_of(TWICE))
    erased = Erased("u1", START + MINUTE)
    partition.take([a(START), erased, Listed("u1", START + HOUR, "vip", joins=True)])
    assert partition.store.load(["u1"])["u1"].lists == {"vip": START + HOUR}
    partition.take([Erased("u1", START + DAY), Enrolled("u1", START + 2 * DAY, "j")])
    user = partition.store.load(["u1"])["u1"]
    assert (user.lists, user.known_since) == ({}, START + 2 * DAY)


def test_the_cache_of_acquaintances_forgets() -> None:
    """Whom journeys have met is forgotten with the user, and who was met since is not."""
    partition = Partition(rules_of(STRANGERS))
    met = partition.store.met(partition.rules.journeys)
    partition.take([Event(user, "track", "z", START) for user in ("u1", "u2")])
    assert met == {"u1", "u2"}
    partition.take([Erased("u1", START), Erased("u2", START), Event("u2", "track", "z", START)])
    assert met == {"u2"}
