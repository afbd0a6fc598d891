"""`explain`, `user` and `preview` read what a worker has committed, and disturb it not."""

from __future__ import annotations

import json
from typing import Any

from journeystream.agents.home import home_of
from tests.integration.conftest import MakeWorld
from tests.integration.world import PARTITIONS, World

JOURNEY = """\
id: cart
name: Forgotten cart
entry:
  condition:
    all:
      - {event: Product Added, within: 1 day}
      - {event: Order Completed, exactly: 0, within: 1 day}
steps:
  - {id: one_hour, type: wait_for_duration, duration: 1 hour, next: remind}
  - {id: remind, type: send_to_destinations, destinations: [email]}
exits:
  - {name: ordered, condition: {event: Order Completed, since: entry}}
"""
DRAFT = """\
id: win_back
name: Win back
entry: {condition: {all: [{event: Order Completed}, {event: Page Opened, exactly: 0}]}}
steps:
  - {id: ask, type: send_to_destinations, destinations: [email]}
"""


def test_users_are_explained_as_committed(make_world: MakeWorld) -> None:
    """Each at the clock of their own partition, while a worker runs and after it has ended."""
    world = make_world()
    world.publish(JOURNEY)
    others = _apart_from("ann")
    with world.worker():
        world.produce(
            [
                {"type": "identify", "userId": "ann", "traits": {"plan": "pro"}, **_at(9)},
                _track("ann", "Product Added", 10),
                _track(others, "Product Added", 10),
                _track(others, "Order Completed", 12),
            ]
        )
        world.settle()
        _explain_all(world, others)
        draft = world.directory / "draft.yaml"
        draft.write_text(DRAFT, encoding="utf-8")
        (told,) = json.loads(world.cli("preview", draft, "--json"))
        assert (told["users"], told["qualify"], told["unknown"], told["sample"]) == (2, 0, 1, [])
        assert told["unknownLeaves"] == ["event('Page Opened') == 0"]
        assert world.cli("preview", "cart").startswith("cart: 0 of 2 users meet all")
    _explain_all(world, others)


def _explain_all(world: World, other: str) -> None:
    inside = _explained(world, "ann", "cart")
    assert inside["now"] == "2024-03-01T10:00:00.000Z"
    (journey,) = inside["journeys"]
    (instance,) = journey["instances"]
    assert [place["step"] for place in instance["positions"]] == ["one_hour"]
    assert instance["wakesAt"] == "2024-03-01T11:00:00.000Z"
    assert [each["clause"]["holds"] for each in instance["exits"]] == [False]
    outside = _explained(world, other)
    assert outside["now"] == "2024-03-01T12:00:00.000Z"
    (journey,) = outside["journeys"]
    assert [each["reason"] for each in journey["obstacles"]] == ["never_again", "condition"]
    assert journey["exits"] == {"exit_condition: ordered": 1}
    ordered = journey["entry"][0]["clause"]["clauses"][1]
    assert (ordered["holds"], ordered["turnsAt"]) == (False, "2024-03-02T12:00:00.000Z")
    assert "nothing is known of this user" in world.cli("explain", "nobody", "cart")
    known = json.loads(world.cli("user", "ann", "--json"))
    assert (known["known"], known["traits"]) == (True, {"plan": "pro"})
    assert [each["steps"] for each in known["journeys"]] == [["one_hour"]]
    assert world.cli("user", "nobody").startswith("nothing is known of nobody")
    assert 'trait\tplan\t"pro"' in world.cli("user", "ann")


def _explained(world: World, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(world.cli("explain", *words, "--json"))
    return answer


def _apart_from(user: str) -> str:
    """Return a user of another partition."""
    home = home_of(user.encode(), PARTITIONS)
    return next(
        name for name in ("bob", "cid", "dan", "eve") if home_of(name.encode(), PARTITIONS) != home
    )


def _track(user: str, name: str, hour: int) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": user, **_at(hour)}


def _at(hour: int) -> dict[str, str]:
    return {"timestamp": f"2024-03-01T{hour:02}:00:00.000Z"}
