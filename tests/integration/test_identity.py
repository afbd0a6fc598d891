"""Two ids become one through Kafka: each in its partition, whatever dies in between."""

from __future__ import annotations

from typing import Any

from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World

JOURNEYS = (
    """\
id: cart
name: Forgotten cart
entry: {condition: {event: Product Added}}
exits: [{name: ordered, condition: {event: Order Completed, since: entry}}]
steps:
  - {id: pause, type: wait_for_duration, duration: 1 hour, next: remind}
  - {id: remind, type: send_to_destinations, destinations: [email]}
""",
    """\
id: looking
name: Looks around
entry: {condition: {page: "*"}}
steps:
  - {id: seen, type: send_to_destinations, destinations: [in_app, ads]}
""",
)
PAIRS = range(12)


def test_a_wait_goes_on_under_the_known_id_though_workers_die(make_world: MakeWorld) -> None:
    """Everyone browses anonymously and logs in; the outputs are exact, whenever workers are killed.

    ::

        10:00 anonymous: page, cart    10:20 identify    10:30 half of them order    11:00 reminder
                                   kill -9           kill -9
    """
    world = make_world()
    for journey in JOURNEYS:
        world.publish(journey)
    first = Worker(world, "worker-1")
    world.produce(
        {**each, "anonymousId": f"anon-{n}", "timestamp": "2024-01-01T10:00:00Z"}
        for n in PAIRS
        for each in ({"type": "page", "name": "Home"}, _track("Product Added"))
    )
    world.settle()
    world.produce(
        {
            "type": "identify",
            "userId": f"known-{n}",
            "anonymousId": f"anon-{n}",
            "timestamp": "2024-01-01T10:20:00Z",
        }
        for n in PAIRS
    )
    world.mark_clock("2024-01-01T10:25:00Z")
    wait_until(lambda: world.end(f"{world.app}.rekeyed") > 0, "a first claim")
    first.kill()
    second = Worker(world, "worker-1")
    ordered = [n for n in PAIRS if n % 2]
    world.produce(
        {**_track("Order Completed"), "userId": f"known-{n}", "timestamp": "2024-01-01T10:30:00Z"}
        for n in ordered
    )
    wait_until(second.holds_all, "all partitions")
    second.kill()
    with world.worker():
        world.settle()
        world.mark_clock("2024-01-01T12:00:00Z")
        world.settle()
    _is_exact(world, reminded=[f"known-{n}" for n in PAIRS if n not in ordered])


def _track(name: str) -> dict[str, Any]:
    return {"type": "track", "event": name}


def _is_exact(world: World, reminded: list[str]) -> None:
    at = "2024-01-01T{}:00.000Z".format
    assert _told(world, "email") == sorted((user, at("11:00"), "true") for user in reminded)
    # An order that overtakes what the other id had has moved the user's clock on.
    told = {
        (user, at("10:20") if time == at("10:30") else time, entered)
        for user, time, entered in _told(world, "in_app")
    }
    assert len(told) == len(_told(world, "in_app"))
    expected = set()
    for n in PAIRS:
        expected |= {
            (f"anon-{n}", at("10:00"), "true"),
            (f"anon-{n}", at("10:20"), "false"),
            (f"known-{n}", at("10:20"), "true"),
        }
    assert told == expected
    on_list = {}
    for record in world.received("ads"):
        on_list[record.key.partition("/")[2]] = record.value is not None
    assert on_list == {
        **{f"anon-{n}": False for n in PAIRS},
        **{f"known-{n}": True for n in PAIRS},
    }


def _told(world: World, destination: str) -> list[tuple[str, str, str]]:
    """Return (user, time, whether they entered) of all that a destination was told."""
    told = []
    for record in world.received(destination):
        assert record.value is not None
        [entered] = record.value["properties"].values()
        told.append((record.key, record.value["timestamp"], entered))
    return sorted(told)
