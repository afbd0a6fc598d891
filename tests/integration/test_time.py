"""Time through Kafka: live workers, downtime, and the order of timers and events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World

REMINDER = """\
id: reminder
name: Reminder
entry: {condition: {event: Product Added}}
exits: [{name: ordered, condition: {event: Order Completed, since: entry}}]
steps:
  - {id: pause, type: wait_for_duration, duration: 15 seconds, next: remind}
  - {id: remind, type: send_to_destinations, destinations: [email]}
"""


def test_a_timer_due_in_downtime_does_not_overtake_an_event(make_world: MakeWorld) -> None:
    """An order that came in time, while no worker ran, cancels the reminder that came due.

    ::

        live    added ......... ordered ..... due
        worker  ====== killed                     ====== back: the order is applied first
    """
    world = make_world(live=True)
    _publish(world)
    worker = Worker(world, "worker-1")
    wait_until(worker.holds_all, "all partitions")
    added = datetime.now(UTC)
    world.produce([_event("Product Added", user, added) for user in ("in-time", "forgot")])
    world.settle()
    worker.kill()
    world.produce([_event("Order Completed", "in-time", added + timedelta(seconds=2))])
    wait_until(lambda: datetime.now(UTC) > added + timedelta(seconds=17), "the reminders to be due")
    with world.worker():
        wait_until(lambda: bool(world.received("email")), "the reminder of the forgetful")
    reminded = world.received("email")
    assert [record.key for record in reminded] == ["forgot"]
    due = (added + timedelta(seconds=15)).isoformat(timespec="milliseconds")[:23] + "Z"
    assert reminded[0].value is not None
    assert reminded[0].value["timestamp"] == due


def test_live_timers_fire_when_due(make_world: MakeWorld) -> None:
    """With nothing more coming, the wall clock wakes users: never early, and soon."""
    world = make_world(live=True)
    _publish(world)
    with world.worker() as worker:
        wait_until(worker.holds_all, "all partitions")
        added = datetime.now(UTC)
        world.produce([_event("Product Added", f"u{number}", added) for number in range(50)])
        wait_until(lambda: len(world.received("email")) == 50, "50 reminders")
        lateness = [
            message.timestamp()[1] / 1_000 - (added + timedelta(seconds=15)).timestamp()
            for message in world.read(f"{world.app}-email")
        ]
    assert min(lateness) >= -0.001, "a timer was early"
    assert max(lateness) < 10.0, f"a timer was {max(lateness)} s late"


def test_timers_fire_under_steady_load_of_a_rekeyed_source(make_world: MakeWorld) -> None:
    """Time passes behind the events that keep coming, also where they do not move the clock."""
    world = make_world(live=True, keyed=False)
    _publish(world, pause="4 seconds")
    noise = 0

    def is_reminded() -> bool:
        nonlocal noise
        noise += 1
        now = datetime.now(UTC)
        world.produce([_event("Page Viewed", f"noise-{noise}", now)])
        return bool(world.received("email"))

    with world.worker():
        world.produce([_event("Product Added", "u1", datetime.now(UTC))])
        wait_until(is_reminded, "a reminder under load")
    assert [record.key for record in world.received("email")] == ["u1"]


def test_wrongly_keyed_sources_are_rekeyed_and_nothing_overtakes(make_world: MakeWorld) -> None:
    """Events keyed by session reach their user's partition; clock marks wait for all of them."""
    world = make_world(keyed=False)
    _publish(world)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    with world.worker():
        for number in range(200):
            user = f"u{number}"
            added = _event("Product Added", user, start + timedelta(minutes=number))
            world.produce_raw(_bytes(added), key=f"session-{number}")
            if number % 2:
                order = _event(
                    "Order Completed", user, start + timedelta(minutes=number, seconds=3)
                )
                world.produce_raw(_bytes(order), key=f"other-{number}")
        world.flush()
        world.mark_clock("2024-02-01T00:00:00Z")
        world.settle()
    reminded = sorted(record.key for record in world.received("email"))
    assert reminded == sorted(f"u{number}" for number in range(0, 200, 2))


def test_a_paused_journey_lets_no_one_in_and_an_archived_one_keeps_no_one(
    make_world: MakeWorld,
) -> None:
    """Pause, resume and archive reach running workers; archiving pays every Exited."""
    world = make_world()
    _publish(world)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    with world.worker():
        world.produce([_event("Product Added", "before", start)])
        world.mark_clock("2024-01-01T01:00:00Z")
        world.settle()
        world.cli("pause", "reminder")
        world.produce([_event("Product Added", "while-paused", start + timedelta(hours=2))])
        world.settle()
        world.cli("resume", "reminder")
        world.produce([_event("Product Added", "after", start + timedelta(hours=3))])
        world.mark_clock("2024-01-01T04:00:00Z")
        world.settle()
        world.cli("archive", "reminder")
        wait_until(lambda: len(world.received("email")) == 4, "the Exited of everyone")
    seen = [
        (record.key, record.value["event"], record.value["context"].get("exit", {}).get("reason"))
        for record in world.received("email")
        if record.value
    ]
    for user in ("before", "after"):
        mine = [line[1:] for line in seen if line[0] == user]
        assert mine == [("Audience Entered", None), ("Audience Exited", "archived")]


def _publish(world: World, pause: str = "15 seconds") -> None:
    world.publish(REMINDER.replace("15 seconds", pause))


def _event(name: str, user: str, at: datetime) -> dict[str, object]:
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{name}-{user}",
        "timestamp": at.isoformat(timespec="milliseconds"),
    }


def _bytes(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()
