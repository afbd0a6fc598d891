"""What is known of a user, in words."""

from __future__ import annotations

from hypothesis import given

from journeystream.journeys import Journeys
from journeystream.portrait import portrait_of
from journeystream.state.codec import decode_user, encode_user
from journeystream.user import User
from tests.law_settings import laws
from tests.publishing_world import World, journey, send, wait
from tests.strategies import START, users


def test_a_user_with_a_bit_of_everything() -> None:
    """Traits, computed traits, lists and journeys are told as the record has them."""
    trait = {"kind": "computed_trait", "id": "visits", "name": "Visits", "compute": "count"}
    changes = [{"add_to_audience": "vip"}]
    update = {"id": "update", "type": "update_profile", "changes": changes, "next": "sent"}
    leaf = {"trait": "computed.visits", "at_least": 99}
    world = World(
        {**trait, "event": "visit"},
        journey("over", at_end="exit"),
        journey("on", update, send("sent", next="rest"), wait("rest", "1 day")),
        journey("never", entry={"condition": leaf}),
    )
    world.identify(1, plan="pro")
    world.track(2, "visit")
    world.track(3, "visit")
    world.track(4, "start")
    told = portrait_of("u1", world.user(), START, world.rules.journeys)
    assert (told.known, told.anonymous, told.became) == (True, False, None)
    assert (told.known_since, told.applied_to) == (START + 1_000_000, START + 4_000_000)
    assert (told.traits, told.computed) == ({"plan": "pro"}, {"visits": 2})
    assert told.lists == {"vip": START + 4_000_000}
    assert [(each.journey, each.steps, each.exits) for each in told.journeys] == [
        ("on", ("rest",), {}),
        ("over", (), {"completed": 1}),
    ]
    assert told.as_json()["knownSince"] == "2024-03-01T00:00:01.000Z"


def test_nobody_has_no_portrait() -> None:
    """An unknown user is told as one, with nothing else."""
    told = portrait_of("u1", None, START, Journeys())
    assert (told.known, told.known_since, told.traits, told.journeys) == (False, None, {}, ())


@laws
@given(users())
def test_every_record_can_be_shown(user: User) -> None:
    """Whatever a record holds, programs get JSON."""
    stored = decode_user(user.id, encode_user(user))
    told = portrait_of(user.id, stored, START, Journeys()).as_json()
    assert told["userId"] == user.id
    assert told["traits"] == stored.traits
