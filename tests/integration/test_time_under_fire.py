"""Time under fire: lag, moving partitions, bursts, producers' wrong clocks, and deaths.

Whatever happens to workers while timers are due: each timer fires once, not before it is due,
and never before an event that prevents it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.jumping_worker import JUMP_FILE
from tests.integration.reading import Received
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World

MEGABYTE = 1024 * 1024
MANY_WITHIN = 150.0  # seconds in which a busy machine applies 100,000 records

BASKET = """\
id: basket
name: Basket
entry: {condition: {event: Product Added}}
steps:
  - id: wait
    type: wait_for_condition
    condition: {event: Order Completed, since: step}
    next: thank
    timeout: {after: 20 seconds, next: remind}
  - {id: thank, type: send_to_destinations, destinations: [in_app]}
  - {id: remind, type: send_to_destinations, destinations: [email]}
"""
TIME_OUT = timedelta(seconds=20)
REMINDER = """\
id: reminder
name: Reminder
entry: {condition: {event: Product Added}}
steps:
  - {id: pause, type: wait_for_duration, duration: 4 seconds, next: remind}
  - {id: remind, type: send_to_destinations, destinations: [email]}
"""
WAIT = timedelta(seconds=4)
SKEWED = """\
id: skewed
name: Skewed
entry: {condition: {event: Product Added}}
exits:
  - {name: ordered later, condition: {event: Order Completed, since: entry}}
steps:
  - {id: pause, type: wait_for_duration, duration: 4 seconds, next: split}
  - id: split
    type: true_false_split
    condition: {event: Order Completed, within: 10 minutes}
    if_true: {name: Ordered, next: thank}
    if_false: {name: Did not, next: remind}
  - {id: thank, type: send_to_destinations, destinations: [in_app]}
  - {id: remind, type: send_to_destinations, destinations: [email]}
"""


# ── lag ──────────────────────────────────────────────────────────────────────────────────


def test_after_a_freeze_events_win_over_timers_that_came_due_in_it(make_world: MakeWorld) -> None:
    """Whoever ordered before the time-out is thanked, and all others are reminded of then.

    ::

        live    added ..... ordered ..... due ..... ordered late
        worker  ====== frozen, for longer than its session ====== goes on
    """
    world = make_world(live=True)
    world.publish(BASKET)
    orders: dict[str, timedelta | None] = {
        "early": timedelta(seconds=2),
        "at-the-last-moment": TIME_OUT - timedelta(milliseconds=1),
        # What is due at an event's time happens before the event.
        "at-the-instant": TIME_OUT,
        "never": None,
    }
    users = {f"{kind}-{number}": after for kind, after in orders.items() for number in range(100)}
    with world.worker() as worker:
        wait_until(worker.holds_all, "all partitions")
        added = _now()
        world.produce(_event("Product Added", user, added) for user in users)
        world.settle()
        worker.freeze()
        assert _now() < added + TIME_OUT, "too slow: timers may have fired already"
        _until(added + TIME_OUT + timedelta(seconds=1))
        world.produce(
            _event("Order Completed", user, added + after)
            for user, after in users.items()
            if after is not None
        )
        _until(added + TIME_OUT + timedelta(seconds=4))
        worker.thaw()
        wait_until(partial(_has_sent, world, len(users)), "everyone's message")
    thanked, reminded = _times(world.received("in_app")), _times(world.received("email"))
    assert thanked == {
        user: _iso(added + after)
        for user, after in users.items()
        if after is not None and after < TIME_OUT
    }
    assert reminded == {user: _iso(added + TIME_OUT) for user in users if user not in thanked}


def _has_sent(world: World, count: int) -> bool:
    return len(world.received("in_app")) + len(world.received("email")) >= count


# ── partitions move, workers die ─────────────────────────────────────────────────────────


@pytest.mark.usefixtures("moving_partitions")
def test_timers_fire_once_while_their_partitions_move(make_world: MakeWorld) -> None:
    """One worker joins and the other is killed while users come due: one message each, in time."""
    world = make_world(live=True)
    world.publish(REMINDER)
    due: dict[str, datetime] = {}
    with world.doomed_worker("worker-1") as first:
        _add_users(world, due, 100)
        world.settle()
        with world.worker("worker-2") as second:
            _keep_adding(world, due, lambda: second.held > 0, "its share")
            _add_users(world, due, 300)
            _until(min(due.values()) + WAIT / 2)
            first.kill()
            _keep_adding(world, due, second.holds_all, "all partitions")
            _wait_for_messages(world, due)
    _expect_once_and_in_time(world, due)


def _count(world: World) -> int:
    return len(world.received("email"))


def _has_grown(world: World, end: int) -> bool:
    return world.end(world.topic_of("email")) > end


def _has_more(world: World, than: int) -> bool:
    return _count(world) > than


def _add_users(world: World, due: dict[str, datetime], count: int, wait: timedelta = WAIT) -> None:
    """Let newcomers add something now; note when they will be due."""
    now = _now()
    users = [f"u{len(due) + number}" for number in range(count)]
    world.produce(_event("Product Added", user, now) for user in users)
    due.update(dict.fromkeys(users, now + wait))


def _keep_adding(
    world: World, due: dict[str, datetime], done: Callable[[], bool], what: str
) -> None:
    """Let newcomers come, some every quarter of a second, until it is done."""
    next_at = _now()

    def is_done() -> bool:
        nonlocal next_at
        if _now() >= next_at:
            _add_users(world, due, 25)
            next_at = _now() + timedelta(milliseconds=250)
        return done()

    wait_until(is_done, what)


def _wait_for_messages(world: World, due: dict[str, datetime]) -> None:
    wait_until(lambda: _count(world) >= len(due), f"{len(due)} messages")


def _expect_once_and_in_time(world: World, due: dict[str, datetime]) -> None:
    """Everyone has one message, which says when it was due and was not written before that."""
    received = world.received("email")
    assert Counter(record.key for record in received) == dict.fromkeys(due, 1)
    assert _times(received) == {user: _iso(at) for user, at in due.items()}
    early = {
        key.decode(): message.timestamp()[1]
        for message in world.read(world.topic_of("email"))
        if (key := message.key()) is not None
        and message.timestamp()[1] < int(due[key.decode()].timestamp() * 1_000)
    }
    assert not early, "timers were early"


# ── bursts ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.timeout(400)
def test_100_000_timers_of_a_partition_fire_at_one_instant(make_world: MakeWorld) -> None:
    """A clock mark brings them all due: each fires once, in bounded memory, without a rebalance."""
    world = make_world()
    world.publish(REMINDER)
    added = datetime(2024, 1, 1, tzinfo=UTC)
    with world.worker() as worker:
        _add_to_partition_0(world, 100_000, added)
        world.settle(MANY_WITHIN)
        at_rest = worker.peak_memory
        began = datetime.now(UTC)
        world.mark_clock("2024-01-02T00:00:00Z")
        world.settle(MANY_WITHIN)
        took = (datetime.now(UTC) - began).total_seconds()
        peak = worker.peak_memory
        assert "let go" not in worker.log, "the worker lost its partitions"
    sys.stdout.write(f"burst: {took:.1f} s, {at_rest >> 20} MB before, {peak >> 20} MB at most\n")
    _expect_burst(world, 100_000, added + WAIT)
    assert peak < 500 * MEGABYTE


def test_a_burst_in_live_time_survives_kills_in_its_middle(make_world: MakeWorld) -> None:
    """12,000 come due at one instant, and each part that has fired gets the worker killed."""
    world = make_world(live=True)
    world.publish(REMINDER.replace("4 seconds", "10 seconds"))
    added = _now()
    _add_to_partition_0(world, 12_000, added)
    sent = [0]
    while sent[-1] < 12_000:
        # Only where the topic ends: to read it takes longer than to write the next part.
        end = world.end(world.topic_of("email"))
        with world.doomed_worker():
            wait_until(partial(_has_grown, world, end), "a part of the burst")
        sent.append(_count(world))
    assert len(sent) > 2, f"nothing was killed in its middle: {sent}"
    with world.worker():
        world.produce([_event("Product Added", "another", _now())])
        wait_until(partial(_has_more, world, 12_000), "the reminder of another")
    due = added + timedelta(seconds=10)
    messages = world.read(world.topic_of("email"))
    assert min(each.timestamp()[1] for each in messages) >= round(due.timestamp() * 1_000)
    _expect_burst(world, 12_000, due)


def _add_to_partition_0(world: World, count: int, at: datetime) -> None:
    """Let users add something, all in one partition: the worst that can be."""
    for number in range(count):
        event = _event("Product Added", f"u{number}", at)
        world.produce_raw(json.dumps(event).encode(), f"u{number}", 0)
    world.flush()


def _expect_burst(world: World, count: int, due: datetime) -> None:
    received = [each for each in world.received("email") if each.key != "another"]
    assert len(received) == count
    assert {record.key for record in received} == {f"u{number}" for number in range(count)}
    assert {record.value["timestamp"] for record in received if record.value} == {_iso(due)}


# ── producers' clocks ────────────────────────────────────────────────────────────────────


def test_producers_whose_clocks_are_ahead_and_behind(make_world: MakeWorld) -> None:
    """One clock is five minutes ahead, one behind for longer than the wait: all is in time, once.

    What is ahead counts as now. What is late counts at its own time: inside a window that
    reaches back, not after an entry that came later; an entry that is late begins its wait then.
    (Before the journey was published nothing counts, so the clock that is behind is not more so.)
    """
    world = make_world(live=True)
    world.publish(SKEWED)
    behind = _now()
    with world.worker():
        _until(behind + WAIT + timedelta(seconds=2))
        now = _now()
        ahead = now + timedelta(minutes=5)
        for user in ("ahead", "ahead, ordered late"):
            world.produce_raw(_bytes("Product Added", user, ahead), user, 0, ahead)
        for user in ("in time", "ordered late"):
            world.produce_raw(_bytes("Product Added", user, now), user, 0)
        for user in ("ahead, ordered late", "ordered late"):
            world.produce_raw(_bytes("Order Completed", user, behind), user, 0, behind)
        world.produce_raw(_bytes("Product Added", "behind", behind), "behind", 0, behind)
        world.flush()
        wait_until(partial(_has_sent, world, 5), "everyone's message")
        world.settle()
    reminded, thanked = world.received("email"), world.received("in_app")
    assert sorted(each.key for each in reminded) == ["ahead", "behind", "in time"]
    assert sorted(each.key for each in thanked) == ["ahead, ordered late", "ordered late"]
    times = _times(reminded) | _times(thanked)
    assert times["behind"] == _iso(behind + WAIT)
    assert times["in time"] == times["ordered late"] == _iso(now + WAIT)
    for user in ("ahead", "ahead, ordered late"):
        assert times[user] >= _iso(now + WAIT), "counted as earlier than now"
    written = {
        (message.key() or b"").decode(): datetime.fromtimestamp(message.timestamp()[1] / 1_000, UTC)
        for destination in ("email", "in_app")
        for message in world.read(world.topic_of(destination))
    }
    for user, at in written.items():
        assert _iso(at) >= times[user], f"{user!r} was early"
        assert at < now + timedelta(minutes=4), f"{user!r} waited for a clock that is ahead"


# ── a worker's own clock ─────────────────────────────────────────────────────────────────


def test_a_machine_whose_clock_is_set_forward_makes_nothing_early(make_world: MakeWorld) -> None:
    """A worker's machine says that it is an hour later, then the truth again: all is in time."""
    world = make_world(live=True)
    world.publish(REMINDER.replace("4 seconds", "12 seconds"))
    jump = world.directory / "jump"
    jump.write_text("0", encoding="utf-8")
    due: dict[str, datetime] = {}
    worker = Worker(
        world,
        "worker-1",
        settings={JUMP_FILE: str(jump)},
        program="tests.integration.jumping_worker",
    )
    wait_until(worker.holds_all, "all partitions")
    _add_users(world, due, 100, timedelta(seconds=12))
    world.settle()
    jump.write_text("3600", encoding="utf-8")
    wait_until(lambda: "the machine's clock was set forward by 3600 s" in worker.log, "the news")
    _add_users(world, due, 100, timedelta(seconds=12))
    world.settle()
    jump.write_text("0", encoding="utf-8")
    _add_users(world, due, 100, timedelta(seconds=12))
    _wait_for_messages(world, due)
    assert worker.stop() == 0
    _expect_once_and_in_time(world, due)


# ── words ────────────────────────────────────────────────────────────────────────────────


def _now() -> datetime:
    """Return now as events can tell it: in whole milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1_000 * 1_000)


def _until(at: datetime) -> None:
    """Wait for an instant."""
    wait_until(lambda: datetime.now(UTC) >= at, f"the wall clock to be at {at}")


def _event(name: str, user: str, at: datetime) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{name}-{user}",
        "timestamp": _iso(at),
    }


def _bytes(name: str, user: str, at: datetime) -> bytes:
    return json.dumps(_event(name, user, at)).encode()


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _times(records: Iterable[Received]) -> dict[str, str]:
    """Return when, by its own word, each user's message arose."""
    return {record.key: record.value["timestamp"] for record in records if record.value}
