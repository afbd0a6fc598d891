"""Two ids are one user: what was done, waited for and told under both is one way on."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from journeystream.effects import StepMembership
from journeystream.events import Adopted, Erased, Event, Listed
from tests.playing import Partition
from tests.strategies import HOUR, MINUTE, START
from tests.town import ANON, KNOWN, Town, alias, identify, journey, send, track, wait


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
    town = Town(journey(wait(), send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + 20 * MINUTE))
    town.settle()
    town.pass_time(START + 59 * MINUTE)
    assert town.told(KNOWN) == []
    town.pass_time()
    assert _told(town.told(KNOWN)) == [("entered", "sent", 60, None)]
    assert town.told(ANON) == []


def test_what_came_due_on_the_way_happens_at_its_own_time() -> None:
    """A known user whose time has passed already goes on as if the wait had always been theirs."""
    town = Town(journey(wait(), send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + 20 * MINUTE))
    town.homes[KNOWN].take([], until=START + 5 * HOUR)
    town.settle()
    assert _told(town.told(KNOWN)) == [("entered", "sent", 60, None)]


def test_a_claim_overtakes_nothing_that_was_in_the_log() -> None:
    """An order that the old id's partition has yet to read cancels the reminder, as ever."""
    out = {"name": "ordered", "condition": {"event": "b", "since": "entry"}}
    town = Town(journey(wait(), send(), exits=[out]))
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
    town = Town(journey(wait(), send()))
    town.take(identify(KNOWN, "u2", START + MINUTE))
    town.deliver("u2")
    town.take(track("u2", "a", START))
    town.settle()
    assert (town.user("u2").became, town.user("u2").claim) == ("", None)


def test_each_id_has_its_entered_and_its_exited() -> None:
    """Who is in a send step leaves it under the old id and enters it under the new one."""
    town = Town(journey(send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + MINUTE))
    town.settle()
    assert _told(town.told(ANON)) == [("entered", "sent", 0, None), ("exited", "sent", 1, "merged")]
    assert _told(town.told(KNOWN)) == [("entered", "sent", 1, None)]
    lists = [(each.user_id, each.change) for each in town.told(ANON) if each.first_or_last]
    assert lists == [(ANON, "entered")] * 2 + [(ANON, "exited")] * 2
    assert len({each.message_id for each in (*town.told(ANON), *town.told(KNOWN))}) == 3


def test_in_a_journey_that_both_are_in_the_known_one_stays() -> None:
    """The other pass ends; it was one person all along."""
    town = Town(journey(send()))
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
    town = Town(journey(wait(None), entry=entry))
    town.take(track(ANON, "a", START, n=1), track(ANON, "a", START + MINUTE, n=2))
    town.take(track(KNOWN, "a", START + MINUTE, n=1), identify(KNOWN, ANON, START + 2 * MINUTE))
    town.settle()
    inside = [(each.key, each.number, each.entered_at) for each in town.user(KNOWN).instances]
    assert inside == [("1", 1, START + MINUTE), ("2", 3, START + MINUTE)]


def test_who_has_ordered_is_not_reminded() -> None:
    """A way out that turns true by what the known user did is taken before anybody is told."""
    out = {"name": "ordered", "condition": {"event": "b", "since": "entry"}}
    town = Town(journey(send(), exits=[out]))
    town.take(track(ANON, "a", START), track(KNOWN, "b", START + MINUTE))
    town.take(identify(KNOWN, ANON, START + 2 * MINUTE))
    town.settle()
    assert town.told(KNOWN) == []
    assert town.user(KNOWN).passes["j"].exits == {"exit_condition: ordered": 1}


def test_together_they_are_a_cause_but_no_cause_counts_twice() -> None:
    """Two events under two ids are two of one user; what had let one of them in lets nobody in."""
    entry = {"condition": {"event": "a", "at_least": 2}, "reentry": "after_exit"}
    rules = journey(send(), entry=entry, at_end="exit")
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
    town = Town(journey(send(), entry={"condition": {"list": "vip"}}))
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
    town = Town(journey(send(), entry={"condition": {"event": "a", "at_least": 3}}))
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
        town = Town(journey(wait(), send()))
        town.take(track("u2", "a", START), event)
        town.settle()
        assert bool(town.user("u2").became) == moved
        assert len(town.user(KNOWN).instances) == moved


def test_the_first_who_claims_an_id_keeps_it() -> None:
    """A device that two people share is the first one's; the second one has nothing of it."""
    town = Town(journey(wait(), send()))
    town.take(track(ANON, "a", START))
    for minutes, user in enumerate(("u1", "u2"), 1):
        town.take(identify(user, ANON, START + minutes * MINUTE))
        town.settle()
    assert town.user(ANON).became == "u1"
    assert [len(town.user(user).instances) for user in ("u1", "u2")] == [1, 0]


def test_a_second_identify_says_nothing_new() -> None:
    """Every login names both ids; only the first of them is handed over."""
    town = Town(journey(send()))
    for minutes in range(3):
        town.take(identify(KNOWN, ANON, START + minutes * MINUTE))
    assert len(town._mail[ANON]) == 1


def test_chains_are_followed_and_circles_end() -> None:
    """Everything comes to the last one; of two who become each other the smaller id stays."""
    town = Town(journey(wait(), send()))
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
    rules = journey(send(), entry={"condition": {"event": "a", "at_least": 9}})
    source = Partition(rules)
    source.take([track(ANON, "a", START)])
    [record] = source.store.load([ANON]).values()
    adopted = Adopted(KNOWN, START, record, (ANON,), "once")
    home = Partition(rules)
    home.take([adopted, track(KNOWN, "a", START + MINUTE), adopted])
    assert list(home.store.load([KNOWN])[KNOWN].facts.values()) == [[START, START + MINUTE]]


def test_what_is_adopted_is_a_value() -> None:
    """A failure in the same turn applies it again, so nobody may change it."""
    rules = journey(wait(), send())
    source = Partition(rules)
    source.take([track(ANON, "a", START)])
    [record] = source.store.load([ANON]).values()
    before = deepcopy(record)
    home = Partition(rules)
    # Who adopts is known: they have said so.
    home.take([Event(KNOWN, "identify", "", START, {"plan": "pro"})])
    home.take([Adopted(KNOWN, START, record, (ANON,), "once")], until=START + HOUR)
    assert _told(home.effects) == [("entered", "sent", 60, None)]
    assert record == before


# ── erasing ──────────────────────────────────────────────────────────────────────────────


def test_who_is_erased_is_erased_under_all_their_ids() -> None:
    """Nothing is left of an id that became theirs; whoever comes under it is a stranger."""
    town = Town(journey(send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + MINUTE))
    town.settle()
    town.take(Erased(KNOWN, START + HOUR))
    town.settle()
    assert list(town.users()) == []
    town.take(track(ANON, "a", START + 2 * HOUR))
    town.settle()
    [stranger] = town.users()
    assert (stranger.id, stranger.became) == (ANON, "")


def test_what_comes_for_who_was_erased_meanwhile_is_dropped() -> None:
    """An adoption that is on its way does not bring a user back; all is told as left."""
    town = Town(journey(send()))
    town.take(track(ANON, "a", START), identify(KNOWN, ANON, START + MINUTE))
    town.take(Erased(KNOWN, START + 2 * MINUTE))
    town.settle()
    assert list(town.users()) == []
    assert [each[0] for each in _told(town.told(ANON))] == ["entered", "exited"]
    assert town.told(KNOWN) == []
