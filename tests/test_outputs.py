"""An audience with destinations: they are told who is in it, as of any send step."""

from __future__ import annotations

import pytest

from journeystream.effects import memberships
from journeystream.errors import CommandRefused
from journeystream.lifecycle import State
from tests.publishing_world import World, audience, journey

PRO = audience("pro", {"trait": "plan", "equals": "pro"}, destinations=["email", "ads"])
HEAD = "audience-pro"


def test_destinations_are_told_who_is_in_it() -> None:
    """Who joins is Entered and who leaves Exited, each time anew, under the audience's id."""
    world = World(PRO)
    for at, plan in enumerate(("pro", "free", "pro"), start=1):
        world.identify(at, plan=plan)
    assert {each.key for each in memberships(world.effects)} == {"pro"}
    assert world.told() == [
        (1, "u1", "entered", f"{HEAD}.in"),
        (2, "u1", "exited", f"{HEAD}.in left_audience"),
        (3, "u1", "entered", f"{HEAD}.in"),
    ]


def test_who_is_in_it_already_is_told_at_their_next_event() -> None:
    """Destinations given to an audience later hear of those who are in it."""
    world = World({**PRO, "destinations": []})
    world.identify(1, plan="pro")
    world.publish(PRO, at=2)
    world.track(3, "whatever")
    assert world.told() == [(3, "u1", "entered", f"{HEAD}.in")]


def test_without_destinations_everyone_leaves_and_with_them_comes_back() -> None:
    """Taking the destinations away pays each Exited; giving them back begins anew."""
    world = World(PRO)
    world.identify(1, plan="pro")
    world.publish({**PRO, "destinations": []}, at=2)
    assert world.published.heads[HEAD].state is State.ARCHIVED
    world.publish(PRO, at=3)
    assert world.published.heads[HEAD].state is State.LIVE
    world.publish(PRO, at=4)
    world.identify(5, "u2", plan="pro")
    assert world.told() == [
        (1, "u1", "entered", f"{HEAD}.in"),
        (2, "u1", "exited", f"{HEAD}.in archived"),
        (5, "u2", "entered", f"{HEAD}.in"),
    ]


def test_an_audience_takes_no_journey_over() -> None:
    """A journey that happens to have the id of the audience's own is left alone."""
    world = World(journey(HEAD))
    with pytest.raises(CommandRefused, match="there is a journey 'audience-pro'"):
        world.publish(PRO, at=1)
