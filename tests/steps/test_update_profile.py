"""`update_profile`: traits and static audiences change, here and downstream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.effects import ProfileChange
from journeystream.profile import operate
from journeystream.steps.contract import Operation
from journeystream.steps.update_profile import ProfileOperation
from journeystream.user import User
from tests.law_settings import laws
from tests.strategies import json_values
from tests.walking import everything, walk

VERBS = ("set", "unset", "increment", "decrement", "add_to_list", "remove_from_list")


def after(traits: dict[str, object], *operations: tuple[str, str, object]) -> dict[str, object]:
    """Return the traits after operations."""
    user = User("u1", traits=traits)
    operate(user, [Operation(*each) for each in operations], (), now=0)
    return user.traits


@pytest.mark.parametrize(
    ("before", "operation", "expected"),
    [
        ({}, ("set", "tier", "gold"), {"tier": "gold"}),
        ({"tier": "tin"}, ("set", "tier", "gold"), {"tier": "gold"}),
        ({"a": {"b": 1}}, ("set", "a.c", 2), {"a": {"b": 1, "c": 2}}),
        ({"a": 1}, ("set", "a.c", 2), {"a": {"c": 2}}),
        ({"tier": "tin", "n": 1}, ("unset", "tier", None), {"n": 1}),
        ({"a": {"b": 1, "c": 2}}, ("unset", "a.b", None), {"a": {"c": 2}}),
        ({"a": 1}, ("unset", "a.b", None), {"a": 1}),
        ({}, ("increment", "rides", 1), {"rides": 1}),
        ({"rides": 9}, ("increment", "rides", 1), {"rides": 10}),
        ({"left": 1.5}, ("decrement", "left", 1), {"left": 0.5}),
        ({"rides": "many"}, ("increment", "rides", 1), {"rides": "many"}),
        ({"rides": True}, ("increment", "rides", 1), {"rides": True}),
        ({"rides": 1}, ("increment", "rides", "1"), {"rides": 1}),
        ({"n": (1 << 63) - 1}, ("increment", "n", 1), {"n": (1 << 63) - 1}),
        ({}, ("add_to_list", "shows", "Gotham"), {"shows": ["Gotham"]}),
        ({"shows": ["Gotham"]}, ("add_to_list", "shows", "Gotham"), {"shows": ["Gotham"]}),
        ({"shows": [1]}, ("add_to_list", "shows", True), {"shows": [1, True]}),
        ({"shows": "Gotham"}, ("add_to_list", "shows", "Lost"), {"shows": "Gotham"}),
        ({"shows": ["a", "b", "a"]}, ("remove_from_list", "shows", "a"), {"shows": ["b"]}),
        ({}, ("remove_from_list", "shows", "a"), {}),
    ],
)
def test_operations(
    before: dict[str, object], operation: tuple[str, str, object], expected: dict[str, object]
) -> None:
    """What fits changes the trait; what does not fit does nothing."""
    assert after(before, operation) == expected


@laws
@given(
    st.dictionaries(st.sampled_from("ab"), json_values()),
    st.lists(
        st.tuples(st.sampled_from(VERBS), st.sampled_from(("a", "b.a", "a.b.c")), json_values())
    ),
)
def test_operations_are_total_and_tell_what_changed(
    traits: dict[str, object], operations: list[tuple[str, str, object]]
) -> None:
    """Whatever the traits are, nothing fails, and applying what was told gives what is stored."""
    user, follower = User("u1", traits=dict(traits)), dict(traits)
    changed, _ = operate(user, [Operation(*each) for each in operations], (), now=0)
    for name, value in changed.items():
        if name in user.traits:
            follower[name] = value
        else:
            assert value is None
            del follower[name]
    assert follower == user.traits
    again, _ = operate(user, [], (), now=0)
    assert not again


def test_static_audiences_are_joined_once() -> None:
    """The profile knows since when; joining again and leaving where one is not tell nothing."""
    user = User("u1")
    join, leave = Operation("add_to_audience", "vip"), Operation("remove_from_audience", "vip")
    assert operate(user, [join], (), now=5) == ({}, {"vip": True})
    assert operate(user, [join], (), now=6) == ({}, {})
    assert user.lists == {"vip": 5}
    assert operate(user, [leave], (), now=7) == ({}, {"vip": False})
    assert operate(user, [leave], (), now=8) == ({}, {})


JOURNEY = """
steps:
  - id: update
    type: update_profile
    changes:
      - {set: tier, from: entry.tier}
      - {set: city, from: traits.nowhere}
      - {increment: rides}
      - {decrement: free, value: 2}
      - {add_to_audience: vip}
    next: split
  - id: split
    type: true_false_split
    condition: {trait: tier, equals: gold}
    if_true: {next: gold}
    if_false: {next: other}
  - {id: gold, type: send_to_destinations, destinations: [email]}
  - {id: other, type: send_to_destinations, destinations: [email]}
"""


def test_the_next_step_sees_the_change() -> None:
    """What an update sets is there at the same instant."""
    assert walk(JOURNEY, "00:00:00 u1 Start {tier: gold}") == ["00:00:00 u1 entered gold"]
    assert walk(JOURNEY, "00:00:00 u1 Start {tier: tin}") == ["00:00:00 u1 entered other"]


def test_the_change_is_told() -> None:
    """One effect tells all that changed; a source that is not there changes nothing."""
    [change, *_] = everything(JOURNEY, "00:00:00 u1 Start {tier: gold}")
    assert isinstance(change, ProfileChange)
    assert change.traits == {"free": -2, "rides": 1, "tier": "gold"}
    assert change.audiences == {"vip": True}


def test_a_change_of_nothing_is_not_told() -> None:
    """Who has the value already is not written about."""
    journey = """
steps:
  - {id: update, type: update_profile, changes: [{set: tier, value: gold}], next: sent}
  - {id: sent, type: send_to_destinations, destinations: [email]}
"""
    happened = ("00:00:00 u1 identify {tier: gold}", "01:00:00 u1 Start")
    assert [effect.change for effect in everything(journey, *happened)] == ["entered"]


@pytest.mark.parametrize(
    "written",
    [
        {"set": "a"},
        {"set": "a", "value": 1, "from": "entry.a"},
        {"set": "a", "unset": "b", "value": 1},
        {"unset": "a", "value": 1},
        {"increment": "a", "value": "one"},
        {"increment": "a", "value": True},
        {"set": "a", "from": "elsewhere.a"},
        {"value": 1},
    ],
)
def test_what_is_no_operation(written: dict[str, object]) -> None:
    """An operation is one verb with what it needs, and no more."""
    with pytest.raises(ValidationError):
        ProfileOperation.model_validate(written)
