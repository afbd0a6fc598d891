"""What others say of a user is taken in: enrolled, put on a list, an answer to a decision."""

from __future__ import annotations

from journeystream.effects import DecisionRequest, memberships
from journeystream.events import Answered, Enrolled, Event, Listed
from tests.playing import Partition
from tests.publishing_world import World
from tests.strategies import START, journey_of, rules_of

MINUTE = 60_000_000
SENT = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
ON_LIST = journey_of(
    {
        "id": "j",
        "name": "J",
        "entry": {"condition": {"list": "vip"}, "reentry": "after_exit"},
        "leave_when_not_in_audience": True,
        "steps": [SENT],
    }
)
BY_NAME = journey_of({"id": "j", "name": "J", "entry": {"by_name": True}, "steps": [SENT]})
OFFERED = {"o": "results.o.0.offer_id", "second": "results.o.1.offer_id"}
WRITTEN = {
    "id": "j",
    "name": "J",
    "entry": {"condition": {"event": "a"}},
    "at_end": "exit",
    "steps": [
        {
            "id": "ask",
            "type": "decide",
            "ask": {"flow": "loans"},
            "store_as": "o",
            "most": 2,
            "timeout": {"after": "10 minutes"},
            "next": "sent",
        },
        {
            "id": "sent",
            "type": "send_to_destinations",
            "destinations": [{"name": "email", "attributes": OFFERED}],
        },
    ],
}
ASKING = journey_of(WRITTEN)


def test_lists_let_in_and_take_out() -> None:
    """Who is put on the list enters at that instant, and leaves when taken off."""
    partition = Partition(rules_of(ON_LIST))
    told = partition.take(
        [
            Listed("u1", START, "vip", joins=True),
            Listed("u1", START + MINUTE, "vip", joins=True),
            Listed("u2", START + MINUTE, "vip", joins=False),
            Listed("u1", START + 2 * MINUTE, "vip", joins=False),
        ]
    )
    assert [(each.user_id, each.change, each.at) for each in told] == [
        ("u1", "entered", START),
        ("u1", "exited", START + 2 * MINUTE),
    ]


def test_a_repeated_note_counts_once() -> None:
    """A second note with the same id is the first one again."""
    partition = Partition(rules_of(ON_LIST))
    told = partition.take(
        [
            Listed("u1", START, "vip", joins=True, message_id="1"),
            Listed("u1", START + MINUTE, "vip", joins=False, message_id="2"),
            Listed("u1", START + 2 * MINUTE, "vip", joins=True, message_id="1"),
        ]
    )
    assert [each.change for each in told] == ["entered", "exited"]


def test_only_who_is_named_enters_by_name() -> None:
    """An event lets nobody in, a note does, once."""
    partition = Partition(rules_of(BY_NAME))
    told = partition.take(
        [
            Event("u1", "track", "a", START),
            Enrolled("u2", START, "j"),
            Enrolled("u2", START + MINUTE, "j"),
            Enrolled("u3", START, "another"),
        ]
    )
    assert [(each.user_id, each.change) for each in told] == [("u2", "entered")]


def test_an_answer_moves_on_who_asked() -> None:
    """It is kept under its name, once; one that nobody waits for means nothing."""
    partition = Partition(rules_of(ASKING))
    partition.take([Event("u1", "track", "a", START)])
    [request] = partition.asked
    assert isinstance(request, DecisionRequest)
    gold, silver = [{"offer_id": "gold"}], [{"offer_id": "silver"}]
    told = partition.take(
        [
            Answered("u1", START + MINUTE, "another", silver),
            Answered("u2", START + MINUTE, request.message_id, silver),
            Answered("u1", START + 2 * MINUTE, request.message_id, gold),
            Answered("u1", START + 3 * MINUTE, request.message_id, silver),
        ]
    )
    assert [(each.change, each.at, each.attributes.get("o")) for each in told] == [
        ("entered", START + 2 * MINUTE, "gold"),
        ("exited", START + 2 * MINUTE, "gold"),
    ]


def test_an_answer_that_comes_too_late_means_nothing() -> None:
    """At the time-out the user has gone on."""
    partition = Partition(rules_of(ASKING))
    partition.take([Event("u1", "track", "a", START)])
    [request] = partition.asked
    late = Answered("u1", START + 10 * MINUTE, request.message_id, [{"offer_id": "gold"}])
    assert partition.take([late]) == []


def test_of_too_many_offers_the_best_are_kept() -> None:
    """A service that answers with more than it was asked for fills nobody's record."""
    partition = Partition(rules_of(ASKING))
    partition.take([Event("u1", "track", "a", START)])
    [request] = partition.asked
    offers = [{"offer_id": name} for name in ("gold", "silver", "tin")]
    [told, _] = partition.take([Answered("u1", START + MINUTE, request.message_id, offers)])
    assert told.attributes == {"o": "gold", "second": "silver"}


def test_nobody_becomes_known_by_an_answer() -> None:
    """An answer to a stranger, or to what nobody asked, leaves no trace."""
    partition = Partition(rules_of(ASKING))
    partition.take([Event("u1", "track", "a", START)])
    before = partition.stored()
    stray = [Answered(user, START + MINUTE, "of another", [], "1") for user in ("u1", "stranger")]
    assert partition.take(stray) == []
    assert partition.stored().records == before.records


def test_an_answer_is_kept_while_its_journey_is_held() -> None:
    """Who was answered in time goes on with the answer when the journey does, not by time-out."""
    world = World()
    world.publish(WRITTEN)
    world.track(0, "a")
    [request] = world.effects
    assert isinstance(request, DecisionRequest)
    world.effects = []
    world.command("j", "pause", at=60, hold=True)
    gold, silver = [{"offer_id": "gold"}], [{"offer_id": "silver"}]
    world.answer(120, request.message_id, gold)
    world.answer(180, request.message_id, silver)
    assert world.told() == []
    world.command("j", "resume", at=3_600)
    [told, _] = memberships(world.effects)
    assert (told.change, told.at, told.attributes) == (
        "entered",
        START + 60 * MINUTE,
        {"o": "gold"},
    )
