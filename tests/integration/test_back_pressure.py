"""Back-pressure and limits: what is too slow, too big, too many or not there.

Whatever it is: memory stays bounded, nothing is dropped in silence, and what only whoever runs
it can mend ends the worker with what to do; then it goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.brokers import Broker
from tests.integration.conftest import MakeWorld
from tests.integration.oracle import actual_outputs, expected_outputs
from tests.integration.shop_load import END, JOURNEYS, chunks, has_begun, lag_of
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import Worker, World

MEGABYTE = 1024 * 1024
START = datetime(2024, 1, 1, tzinfo=UTC)
OPERATOR, USER = 1, 2  # exit codes: whoever runs the worker must act, or who started it
ENDS_WITHIN = 120.0  # seconds in which a worker says that it can not write

CRM = """\
id: crm
name: To the CRM
entry: {condition: {event: Product Added}}
steps:
  - {id: tell, type: send_to_destinations, destinations: [crm]}
"""


# ── a slow broker ────────────────────────────────────────────────────────────────────────


def test_a_broker_that_stands_still_costs_neither_outputs_nor_memory(
    own_broker: Broker, make_world: MakeWorld
) -> None:
    """A broker stops for 8 s amid 60 MB: all comes once, and what waits stays in Kafka."""
    world = make_world()
    world.cli("publish", *JOURNEYS)
    load = next(chunks())
    pad = "x" * (60 * MEGABYTE // len(load))
    world.produce(_padded(event, pad) for event in load)
    before = lag_of(world)
    with world.doomed_worker() as worker:
        wait_until(lambda: has_begun(world, before), "a first commit")
        with _standing_still(own_broker):
            _wait(8)
        world.mark_clock(END)
        wait_until(partial(_has_ended_or_settled, worker, world), "the end of the load")
        peak = 0 if _has_ended(worker) else worker.peak_memory
    if not peak:  # to end is safe too: the next one goes on
        with world.worker() as worker:
            world.settle()
            peak = worker.peak_memory
    sys.stdout.write(f"a broker that stands still: {peak >> 20} MB at most\n")
    assert actual_outputs(world) == expected_outputs(world, JOURNEYS)
    assert peak < 400 * MEGABYTE


def test_a_broker_that_answers_slowly_costs_neither_outputs_nor_memory(
    own_broker: Broker, make_world: MakeWorld
) -> None:
    """For a quarter of a minute a broker stands still two thirds of the time: all comes once, none
    waits in memory, and the worker does not end."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.cli("publish", *JOURNEYS)
    load = next(chunks())
    pad = "x" * (60 * MEGABYTE // len(load))
    world.produce(_padded(event, pad) for event in load)
    before = lag_of(world)
    with world.worker() as worker:
        wait_until(lambda: has_begun(world, before), "a first commit")
        for _ in range(10):
            with _standing_still(own_broker):
                _wait(1)
            _wait(0.5)
        world.mark_clock(END)
        world.settle()
        peak = worker.peak_memory
    sys.stdout.write(f"a broker that answers slowly: {peak >> 20} MB at most\n")
    assert actual_outputs(world) == expected_outputs(world, JOURNEYS)
    assert peak < 400 * MEGABYTE


@contextmanager
def _standing_still(broker: Broker) -> Iterator[None]:
    broker.freeze()
    try:
        yield
    finally:
        broker.thaw()


# ── outputs that can not be written ──────────────────────────────────────────────────────


def test_an_output_that_is_too_big_for_its_topic_ends_the_worker(make_world: MakeWorld) -> None:
    """It names the topic, the size and what to do; with more room the output is there, once."""
    world = make_world(more="limits: {message_bytes: 8388608}")
    world.publish(CRM)
    topic = world.topic_of("crm")
    world.set_topic(topic, max_message_bytes=100_000)
    email = "x" * 3_000_000
    with world.doomed_worker() as worker:
        world.produce([_identify("u1", email=email), _event("u1", "Product Added")])
        assert worker.process.wait(ENDS_WITHIN) == OPERATOR
    said = worker.log
    assert not world.received("crm")
    assert _offsets_committed(world) == 0
    assert topic in said
    assert "max.message.bytes" in said
    assert "3,000," in said or "3000" in said, "the size is not told"
    world.set_topic(topic, max_message_bytes=20_000_000)
    with world.worker():
        world.settle()
    [record] = world.received("crm")
    assert record.value is not None
    assert record.value["properties"]["email"] == email


def test_a_destination_whose_topic_is_missing_is_told_at_the_start(make_world: MakeWorld) -> None:
    """A worker does not start without the topics that it writes to, and says which."""
    world = make_world()
    world.publish(CRM)
    topic = world.topic_of("crm")
    world.produce([_event("u1", "Product Added")])
    world.delete_topic(topic)
    with world.doomed_worker() as worker:
        assert worker.process.wait(ENDS_WITHIN) in {OPERATOR, USER}
    assert topic in worker.log
    assert "journeystream topics" in worker.log
    world.cli("topics")
    with world.worker():
        world.settle()
    assert [record.key for record in world.received("crm")] == ["u1"]


@pytest.mark.usefixtures("refusing_topics")
def test_a_destination_whose_topic_is_deleted_ends_the_worker(make_world: MakeWorld) -> None:
    """It says which topic is missing; nothing of the turn counts, and all comes once it is back."""
    world = make_world()
    world.publish(CRM)
    topic = world.topic_of("crm")
    with world.doomed_worker() as worker:
        world.produce([_event("before", "Product Added")])
        world.settle()
        world.delete_topic(topic)
        world.produce([_event("after", "Product Added")])
        assert worker.process.wait(ENDS_WITHIN) == OPERATOR
    assert topic in worker.log
    assert "journeystream topics" in worker.log
    world.cli("topics")
    with world.worker():
        world.settle()
    assert [record.key for record in world.received("crm")] == ["after"]


# ── one user with very much ──────────────────────────────────────────────────────────────

COUNTING = """\
id: counting
name: Counting
entry: {condition: {event: Page Viewed, at_least: 1000, within: 1 minute}}
steps:
  - {id: seen, type: send_to_destinations, destinations: [email]}
exits:
  - {name: quiet, condition: {event: Page Viewed, at_most: 10, within: 1 minute}}
"""
BUSY_EVENTS = 100_000
OTHERS = """\
id: others
name: Others
entry: {condition: {event: Product Added}}
steps:
  - {id: told, type: send_to_destinations, destinations: [in_app]}
"""


def test_a_user_with_100_000_events_a_minute_is_counted_right(make_world: MakeWorld) -> None:
    """The 1,000th event lets them in, quiet lets them out; their record stays small."""
    world = make_world()
    world.publish(COUNTING)
    world.publish(OTHERS)
    with world.worker() as worker:
        began = datetime.now(UTC)
        for number in range(BUSY_EVENTS):
            at = START + timedelta(seconds=number * 60 / 100_000)
            world.produce_raw(_bytes("busy", "Page Viewed", at, number), "busy", 0)
            if number % (BUSY_EVENTS // 10) == 0:
                world.produce_raw(_bytes(f"o{number}", "Product Added", at), f"o{number}", 0)
        world.flush()
        world.settle()
        took = (datetime.now(UTC) - began).total_seconds()
        world.mark_clock("2024-01-01T01:00:00Z")
        world.settle()
        peak = worker.peak_memory
    sizes = [
        len(message.value() or b"")
        for message in world.read(f"{world.app}.changelog")
        if message.key() == b"ubusy"
    ]
    sys.stdout.write(
        f"a busy user: {took:.1f} s, record of {max(sizes):,} bytes, written {len(sizes)} times, "
        f"{peak >> 20} MB at most\n"
    )
    seen = [
        (record.value["event"], record.value["timestamp"][:19])
        for record in world.received("email")
        if record.value
    ]
    assert seen == [
        ("Audience Entered", "2024-01-01T00:00:00"),
        ("Audience Exited", "2024-01-01T00:01:59"),
    ]
    assert len(world.received("in_app")) == 10
    assert max(sizes) < 64 * 1024
    assert peak < 400 * MEGABYTE


def test_a_user_at_100_places_and_a_user_who_comes_1_000_times(make_world: MakeWorld) -> None:
    """The most that the language allows of one user: all outputs, and records that stay small."""
    world = make_world()
    world.publish(json.dumps(_fan(9, 10)))
    world.publish(COMING_AND_GOING)
    with world.worker():
        world.produce([_event("wide", "Fan Out")])
        for number in range(1_000):
            at = START + timedelta(minutes=number)
            world.produce_raw(_bytes("often", "Came", at, number), "often", 0)
            at += timedelta(seconds=30)
            world.produce_raw(_bytes("often", "Went", at, number), "often", 0)
        world.flush()
        world.settle()
    counts = Counter(
        (record.key, record.value["event"])
        for destination in ("email", "in_app")
        for record in world.received(destination)
        if record.value
    )
    assert counts == {
        ("wide", "Audience Entered"): 90,
        ("often", "Audience Entered"): 1_000,
        ("often", "Audience Exited"): 1_000,
    }
    messages = [record.value["messageId"] for record in world.received("in_app") if record.value]
    assert len(set(messages)) == 2_000
    largest = Counter[bytes]()
    for message in world.read(f"{world.app}.changelog"):
        key = message.key() or b""
        largest[key] = max(largest[key], len(message.value() or b""))
    sys.stdout.write(f"records: {largest}\n")
    assert largest[b"uwide"] < 64 * 1024
    assert largest[b"uoften"] < 16 * 1024


COMING_AND_GOING = """\
id: often
name: Coming and going
entry: {condition: {event: Came}, reentry: after_exit}
exits:
  - {name: went, condition: {event: Went, since: entry}}
steps:
  - {id: here, type: send_to_destinations, destinations: [in_app]}
"""


def _fan(first: int, then: int) -> dict[str, Any]:
    """Return a journey that sends each user down first * then branches at once."""
    always = {"event": "Fan Out"}
    inner = [
        {"name": f"b{number}", "condition": always, "next": f"s{number}"} for number in range(then)
    ]
    outer = [{**branch, "next": "inner"} for branch in inner[:first]]
    return {
        "id": "fan",
        "name": "Fan",
        "entry": {"condition": always},
        "steps": [
            {"id": "outer", "type": "multi_branch_split", "branches": outer},
            {"id": "inner", "type": "multi_branch_split", "branches": inner},
            *(
                {"id": f"s{number}", "type": "send_to_destinations", "destinations": ["email"]}
                for number in range(then)
            ),
        ],
    }


# ── words ────────────────────────────────────────────────────────────────────────────────


def _padded(event: dict[str, Any], pad: str) -> dict[str, Any]:
    return {**event, "context": {**event.get("context", {}), "pad": pad}}


def _has_ended_or_settled(worker: Worker, world: World) -> bool:
    return _has_ended(worker) or not world.lag()


def _has_ended(worker: Worker) -> bool:
    return worker.process.poll() is not None


def _wait(seconds: float) -> None:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    wait_until(lambda: datetime.now(UTC) > until, f"{seconds} s to pass", PATIENCE)


def _offsets_committed(world: World) -> int:
    """Return how much of what was produced the workers have committed."""
    return len(world.read(world.source)) - sum(world.lag().values())


def _event(user: str, name: str, at: datetime = START, number: int = 0) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{name}-{user}-{number}",
        "timestamp": at.isoformat(timespec="milliseconds"),
    }


def _bytes(user: str, name: str, at: datetime, number: int = 0) -> bytes:
    return json.dumps(_event(user, name, at, number)).encode()


def _identify(user: str, **traits: str) -> dict[str, Any]:
    return {
        "type": "identify",
        "userId": user,
        "messageId": f"identify-{user}",
        "timestamp": START.isoformat(),
        "traits": traits,
    }
