"""What product descriptions name and no other test plays: each feature in one small story."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.effects import Travelled, memberships
from journeystream.project import Project
from journeystream.publishing import check
from tests.faulty_journeys import places, problems, written
from tests.publishing_world import World, journey, send
from tests.walking import walk

PAID = {"event": "paid"}


def plays(entry: dict[str, Any], *happenings: dict[str, Any]) -> list[str]:
    """Return what differs when the last of these happenings, and no earlier one, lets in."""
    for index, each in enumerate(happenings):
        each.setdefault("at", f"{index + 1} minutes")
    expect = [{"at": happenings[-1]["at"], "enters": "sent"}]
    document = {
        "id": "j",
        "name": "J",
        "entry": {"condition": entry},
        "steps": [{"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}],
        "examples": [{"name": "a story", "events": list(happenings), "expect": expect}],
    }
    read = parse_definition(document, "a test")
    assert isinstance(read, JourneyDefinition)
    return [str(problem) for problem in check(read, {}, None)]


def test_a_referrer_lets_users_in() -> None:
    """Any page lets in whoever comes from there; where from is in the event's context."""
    referrer = {"page": "*", "where": {"context.page.referrer": {"contains": "social.example"}}}
    pages = [
        {"page": name, "context": {"page": {"referrer": f"https://{site}/"}}}
        for name, site in (("Home", "other.example"), ("Prices", "social.example"))
    ]
    assert plays(referrer, *pages) == []


def test_a_number_of_pages_lets_users_in() -> None:
    """Pages of any name are counted, and nothing but pages."""
    visited = [{"page": name} for name in ("Home", "Prices", "Home")]
    happenings = [visited[0], {"event": "Home"}, {"screen": "Home"}, *visited[1:]]
    assert plays({"page": "*", "at_least": 3}, *happenings) == []


def test_a_list_that_a_step_puts_users_into_is_noticed() -> None:
    """Whoever a step puts into a static audience enters the journey that asks for it, at once."""
    vip = {"id": "vip", "type": "update_profile", "changes": [{"add_to_audience": "vips"}]}
    asking = journey("asking", entry={"condition": {"list": "vips"}})
    world = World(asking, journey("giving", vip))
    world.track(1, "other")
    world.track(2, "start")
    assert world.told() == [(2, "u1", "entered", "asking.sent")]


@pytest.mark.parametrize(
    ("asked", "at"),
    [
        ({"is": "in"}, 1),
        ({"is": "at_step", "step": "sent"}, 1),
        ({"is": "reached_goal", "goal": "paid"}, 2),
        ({"is": "has_exited", "reason": "exit_condition: out"}, 3),
    ],
)
def test_where_a_user_is_in_another_journey_is_noticed(asked: dict[str, Any], at: float) -> None:
    """Who comes in, reaches a goal, or leaves there, enters here at the same instant."""
    out = [{"name": "out", "condition": {"event": "out"}}]
    other = journey("other", exits=out, goals=[{"id": "paid", "condition": PAID}])
    world = World(other, journey("asking", entry={"condition": {"journey": "other", **asked}}))
    for second, name in enumerate(("start", "paid", "out"), start=1):
        world.track(second, name)
    assert [each for each in world.told() if each[3] == "asking.sent"] == [
        (at, "u1", "entered", "asking.sent")
    ]


def test_a_trigger_brings_along_what_is_kept_of_the_entry_event() -> None:
    """The triggered journey sends what the other one keeps of its own entry event."""
    email = [{"name": "email", "attributes": {"cart": "entry.cart"}}]
    second = {"trigger": {"journey": "first", "step": "sent"}}
    world = World(
        journey("first", send("sent", destinations=email)),
        journey("second", send("sent", destinations=email), entry=second),
    )
    world.track(1, "start", cart="c1")
    told = [(each.journey, each.attributes["cart"]) for each in memberships(world.effects)]
    assert told == [("first", "c1"), ("second", "c1")]


def test_a_computed_trait_lets_users_in() -> None:
    """A sum over events lets in whoever reaches it, with the event that brings it there."""
    spent = {"kind": "computed_trait", "id": "spent", "name": "Spent", "event": "paid"}
    spent |= {"compute": "sum", "of": "total"}
    entry = {"condition": {"trait": "computed.spent", "at_least": 100}}
    world = World(spent, journey("j", entry=entry))
    world.track(1, "paid", total=60)
    world.track(2, "paid", "u2", total=99)
    world.track(3, "paid", total=40)
    assert world.told() == [(3, "u1", "entered", "j.sent")]


def test_goals_of_a_journey_and_its_splits_are_limited_together() -> None:
    """Five goals of the journey and three splits of two goals each are more than ten."""

    def goals(*names: str) -> list[dict[str, Any]]:
        return [{"name": name, "condition": {"event": name}} for name in names]

    def splits(count: int) -> list[dict[str, Any]]:
        ids = [*(f"s{number}" for number in range(count)), "sent"]
        return [
            {
                "id": id_,
                "type": "percent_split",
                "paths": [
                    {"name": "a", "share": 50, "control": True, "next": onward},
                    {"name": "b", "share": 50, "next": onward},
                ],
                "goals": goals("x", "y"),
            }
            for id_, onward in pairwise(ids)
        ]

    own = [{"id": name, **goal} for name, goal in zip("abcde", goals(*"abcde"), strict=True)]
    document = written(goals=own, steps=[*splits(3), send("sent")])
    assert places(problems(document)) == ["goals"]
    assert problems({**document, "steps": [*splits(2), send("sent")]}) == []


def test_other_goals_make_a_new_version() -> None:
    """Goals belong to a version: who is in an older one is measured by those of theirs."""
    world = World(journey("j"))
    goals = [{"id": "paid", "condition": PAID}]
    assert world.publish(journey("j", goals=goals), at=1) == [
        "published as version 2; users in flight stay on theirs"
    ]


def test_the_control_of_a_split_is_told_to_the_travel_log() -> None:
    """Whoever goes down a split's path has its name, and whether it is the control."""
    paths = [
        {"name": "none", "share": 50, "control": True, "next": "quiet"},
        {"name": "voucher", "share": 50, "next": "sent"},
    ]
    quiet = {"id": "quiet", "type": "exit"}
    split = {"id": "split", "type": "percent_split", "paths": paths}
    world = World(journey("j", split, send("sent"), quiet), travels=True)
    for number in range(20):
        world.track(number, "start", f"u{number}")
    rows = [each for each in world.travelled if isinstance(each, Travelled)]
    ways = {(row.parent_id, row.test_group_name, row.is_control) for row in rows}
    assert {way for way in ways if way[1]} == {
        ("split", "none", True),
        ("split", "voucher", False),
    }
    assert {way for way in ways if not way[1]} == {("", "", False), ("start", "", False)}


def test_the_names_of_a_splits_ways_are_told_to_the_travel_log() -> None:
    """Who is true and who is false goes by the name that the way has."""
    split = {
        "id": "split",
        "type": "true_false_split",
        "condition": {"trait": "plan", "equals": "pro"},
        "if_true": {"name": "pro users", "next": "sent"},
        "if_false": {"name": "all others", "next": "sent"},
    }
    world = World(journey("j", split, send("sent")), travels=True)
    world.identify(1, "u2", plan="pro")
    world.track(2, "start", "u1")
    world.track(3, "start", "u2")
    rows = [each for each in world.travelled if isinstance(each, Travelled)]
    named = [(row.user_id, row.split_condition_name) for row in rows if row.parent_id == "split"]
    assert named == [("u1", "all others"), ("u2", "pro users")]


def test_events_of_the_other_form_let_users_in() -> None:
    """Journeys whose steps have a `config` may name events; any of them lets users in."""
    send_step = {"id": "s", "type": "send", "config": {"channelId": "email"}}
    entry = {"events": ["Loan Viewed", "Loan Asked For"]}
    world = World({"name": "Loans", "entryConditions": entry, "steps": [send_step]})
    world.track(1, "Loan Given", "u1")
    world.track(2, "Loan Viewed", "u2")
    world.track(3, "Loan Asked For", "u3")
    assert world.told() == [(2, "u2", "entered", "loans.s"), (3, "u3", "entered", "loans.s")]


# Monday         Tuesday       Wednesday
# u1: left out   u2: is told   u3: left out
def test_outside_of_its_windows_a_send_can_be_discarded() -> None:
    """A step that sends on Tuesdays only leaves out whoever comes on another day."""
    story = """
steps:
  - id: sent
    type: send_to_destinations
    destinations: [email]
    sending: {windows: [{days: [tue]}], at_other_times: discard}
"""
    happened = ("00:00:00 u1 Start", "1d 00:00:00 u2 Start", "2d 00:00:00 u3 Start")
    assert walk(story, *happened, until="9d 00:00:00") == ["1d 00:00:00 u2 entered sent"]


def test_a_user_is_in_ten_instances_at_once_unless_more_is_said() -> None:
    """Without `most` the eleventh cart of a user is passed over."""
    entry = {"condition": {"event": "start"}, "reentry": {"every_time": {"key": "cart"}}}
    world = World(journey("j", entry=entry))
    for number in range(12):
        world.track(number, "start", cart=number)
    assert len(world.user().instances) == 10


def test_the_projects_zone_trait_counts_where_a_journey_names_none() -> None:
    """Months are those of the zone that the user's trait names: here an hour less, in spring."""
    project = Project.model_validate(
        {
            "sources": [{"topic": "events"}],
            "destinations": [{"name": "email", "topic": "out.email", "type": "event"}],
            "time_zone_trait": "zone",
        }
    )
    wait = {"id": "wait", "type": "wait_for_duration", "duration": "3 months", "next": "sent"}
    events = [{"traits": {"zone": "America/New_York"}}, {"event": "a"}]
    example = {
        "name": "somebody in New York",
        "events": events,
        "until": "91 days",
        "expect": [{"at": "90 days 23 hours", "enters": "sent"}],
    }
    read = parse_definition(written(steps=[wait, send("sent")], examples=[example]), "a test")
    assert check(read, {}, project) == []
    assert check(read, {}, project.model_copy(update={"time_zone_trait": None})) != []
