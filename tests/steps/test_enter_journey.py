"""`enter_journey`: a step lets the user into another journey."""

from __future__ import annotations

import pytest

from journeystream.definitions import JourneyDefinition
from journeystream.events import Event
from journeystream.project import Limits
from journeystream.validation import Known, validate_journey
from tests.playing import Partition
from tests.strategies import START, journey_of, rules_of

MINUTE = 60_000_000


def sending(id_: str, *before: dict[str, object], **more: object) -> JourneyDefinition:
    """Read a journey whose last step sends."""
    last = {
        "id": "sent",
        "type": "send_to_destinations",
        "destinations": [{"name": "email", "attributes": {"cart": "entry.cart_id"}}],
    }
    entry = {"condition": {"event": id_}, "reentry": "after_exit"}
    return journey_of(
        {"id": id_, "name": id_, "entry": entry, "steps": [*before, last], "at_end": "exit", **more}
    )


def opening(journey: str) -> dict[str, object]:
    """Write a step that opens a journey."""
    return {
        "id": "open",
        "type": "enter_journey",
        "journey": journey,
        "properties": {"cart_id": "entry.cart"},
        "next": "sent",
    }


def entered(partition: Partition) -> list[tuple[str, object]]:
    """Return the journeys whose send step was entered, and with which cart."""
    return [
        (effect.journey, effect.attributes.get("cart"))
        for effect in partition.effects
        if effect.change == "entered"
    ]


def test_the_user_is_in_both() -> None:
    """The other journey begins with the given properties, and this one goes on."""
    partition = Partition(rules_of(sending("a", opening("b")), sending("b")))
    partition.take([Event("u1", "track", "a", START, {"cart": "c1"})])
    assert entered(partition) == [("a", None), ("b", "c1")]


def test_the_other_journey_decides_who_enters_again() -> None:
    """Who may not enter twice does not, and who is inside stays where they are."""
    other = sending("b").model_dump(mode="json", by_alias=True, exclude_none=True)
    once = journey_of({**other, "entry": {**other["entry"], "reentry": "never"}})
    partition = Partition(rules_of(sending("a", opening("b")), once))
    partition.take([Event("u1", "track", "a", START + n * MINUTE) for n in range(3)])
    assert [journey for journey, _ in entered(partition)] == ["a", "b", "a", "a"]


@pytest.mark.parametrize("other", ["nowhere", "b"])
def test_a_journey_that_admits_nobody_is_passed_by(other: str) -> None:
    """An unknown or archived journey opens nothing, and nothing fails."""
    journeys = [sending("a", opening(other)), sending("b")]
    partition = Partition(rules_of(*journeys, archived=["b"]))
    partition.take([Event("u1", "track", "a", START)])
    assert entered(partition) == [("a", None)]


def test_journeys_that_open_each_other_without_end_are_refused() -> None:
    """The one that closes the circle is not published, unless time passes somewhere in it."""
    first, second = sending("a", opening("b")), sending("b", opening("a"))
    published = {"a": first}
    known = Known({"email"}, {}, Limits(), published)
    [problem] = validate_journey(second, known)
    assert "b -> a -> b" in problem.message
    rest: dict[str, object] = {
        "id": "rest",
        "type": "wait_for_duration",
        "duration": "1 day",
        "next": "open",
    }
    assert validate_journey(sending("b", rest, opening("a")), known) == []


def test_a_journey_does_not_open_itself() -> None:
    """The user is in it already."""
    journey = sending("a", opening("b"))
    journey = journey.model_copy(update={"id": "b"})
    [problem] = validate_journey(journey, Known({"email"}, {}, Limits()))
    assert problem.path == "steps[0].journey"
