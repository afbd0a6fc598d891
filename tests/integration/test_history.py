"""A journey that uses history, through Kafka, while its worker is killed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import PARTITIONS, Worker, World

BEGIN = datetime(2024, 3, 1, tzinfo=UTC)
EVENTS, USERS = 60_000, 22_000
_READ = "of its history, 0 left"  # once for each partition
_LOYAL = """
id: loyal
name: Loyal
entry:
  condition: {event: Order Completed, at_least: 3, within: 30 days}
  use_history: true
steps:
  - {id: wait, type: wait_for_duration, duration: 1 hour, next: thank}
  - {id: thank, type: send_to_destinations, destinations: [email]}
"""


def order(number: int, user: str, at: datetime) -> dict[str, Any]:
    """Write an order."""
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": user,
        "messageId": f"m{number}",
        "timestamp": at.isoformat(),
        "properties": {"total": number % 90},
    }


def test_history_is_read_once_though_the_worker_is_killed(make_world: MakeWorld) -> None:
    """Who ordered three times before publishing enters then, once; others go on from there."""
    world = make_world()
    rng = Random(7)  # noqa: S311  a load, no secret
    users = [f"u{rng.randrange(USERS)}" for _ in range(EVENTS)]
    with world.worker():
        world.produce(
            order(number, user, BEGIN + timedelta(seconds=number))
            for number, user in enumerate(users)
        )
        world.settle()
    before = world.end(f"{world.app}.changelog")
    world.publish(_LOYAL)
    worker = Worker(world, "worker-1")
    wait_until(lambda: world.end(f"{world.app}.changelog") > before, "history to be begun")
    worker.kill()
    assert worker.log.count(_READ) < PARTITIONS, "there is nothing left to go on with"
    counts = Counter(users)
    twice = sorted(user for user, count in counts.items() if count == 2)[:50]
    published = BEGIN + timedelta(seconds=EVENTS)
    with world.worker() as other:
        world.mark_clock((published + timedelta(days=1)).isoformat())
        world.settle()
        assert other.log.count(_READ) == PARTITIONS
        assert _told(world) == Counter(user for user, count in counts.items() if count > 2)
        later = published + timedelta(days=2)
        world.produce(order(EVENTS + n, user, later) for n, user in enumerate(twice))
        world.mark_clock((later + timedelta(days=1)).isoformat())
        world.settle()
    third = Counter(user for user, count in counts.items() if count > 2) + Counter(twice)
    assert _told(world) == third


def _told(world: World) -> Counter[str]:
    return Counter(
        record.value["userId"]
        for record in world.received("email")
        if record.value is not None and record.value["event"] == "Audience Entered"
    )
