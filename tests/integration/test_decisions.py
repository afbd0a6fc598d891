"""A decision service and workers through Kafka: asked once, answered once, whoever dies.

The service is the example's, a process of its own; where a test has to answer in another way it
does so itself.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from journeystream.project import Decisions, load_project
from tests.integration.conftest import MakeWorld
from tests.integration.reading import Received, received
from tests.integration.waiting import wait_until
from tests.integration.world import PARTITIONS, Worker, World

SERVICE = Path(__file__).parents[2] / "examples" / "decision_service"
LOANS = (SERVICE / "loans.yaml").read_text(encoding="utf-8")
PLATINUM = {"loan": "platinum_loan", "rate": 2.1, "second_loan": "gold_loan"}
GOLD = {"loan": "gold_loan", "rate": 2.9, "second_loan": "starter_loan"}
STARTER = {"loan": "starter_loan", "rate": 4.9}
CALL: dict[str, Any] = {}
# Each income with what its user is told.
INCOMES = ((9_000, PLATINUM), (3_500, GOLD), (1_600, STARTER), (100, CALL), (None, CALL))
SIXTEEN = (
    "entry_at event_id exit_segments is_control is_remaining journey_id journey_name "
    "journey_version mxs_ids parent_id parent_name split_condition_name stage_id stage_name "
    "stage_type test_group_name"
)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Make a live project that can ask a service, and keeps a travel log."""
    name = uuid4().hex[:8]
    topics = f"{{requests: {name}-requests, replies: {name}-replies}}"
    return make_world(live=True, more=f"decisions: {topics}\ntravel_log: {name}-travels")


def test_a_worker_dies_between_request_and_reply(world: World) -> None:
    """Whoever was asked about is told, once, what the service answers, though workers and
    services die, and another service answers everything again."""  # noqa: D205, D209  one sentence
    users = {f"u{n}": INCOMES[n % len(INCOMES)] for n in range(20)}
    topics = _topics(world)
    world.publish(LOANS)
    doomed = Worker(world, "worker-1")
    wait_until(doomed.holds_all, "all partitions")
    _look_at_loans(world, {user: income for user, (income, _) in users.items()})
    wait_until(lambda: len(world.read(topics.requests)) == len(users), "all requests")
    doomed.kill()
    with _service(world, "first"):
        wait_until(lambda: len(world.read(topics.replies)) >= len(users), "all replies")
    with world.worker(), _service(world, "second"):
        wait_until(lambda: _count(world) >= 2 * len(users), "an Entered and an Exited of each")
        wait_until(lambda: len(world.read(topics.replies)) >= 2 * len(users), "all replies again")
        world.settle()
    assert len(world.read(topics.requests)) == len(users)
    told = _told(world)
    assert told == {
        user: [(change, expected) for change in ("Audience Entered", "Audience Exited")]
        for user, (_, expected) in users.items()
    }
    ways = _travels(world)
    for user, (_, expected) in users.items():
        assert ways[user] == ["start", "ask", "offer" if expected else "call", "complete"]


def test_a_reply_that_came_in_time_comes_before_the_time_out(world: World) -> None:
    """However it is keyed, a reply of the time in which no worker ran counts, if it was in time;
    who got none, a bad one or a late one goes the time-out's way, at its very instant.

    ::

        live     asked ... answered ...... time-out ... answered late
        worker   ===== killed                                         ====== back
    """  # noqa: D205
    topics = _topics(world)
    world.publish(LOANS.replace("10 minutes", "15 seconds"))
    doomed = Worker(world, "worker-1")
    wait_until(doomed.holds_all, "all partitions")
    users = ("in-time", "wrong-key", "wrong-partition", "anonymous", "bad", "silent", "late")
    looked = _look_at_loans(world, dict.fromkeys(users, 4_000))
    wait_until(lambda: len(world.read(topics.requests)) == len(users), "all requests")
    doomed.kill()
    asked = {record.key: record for record in _read(world, topics.requests)}
    ids = {user: record.value["requestId"] for user, record in asked.items() if record.value}

    def reply(user: str, key: str | None, partition: int = -1) -> None:
        who = "anonymousId" if user == "anonymous" else "userId"
        offers = [{"offer_id": f"of {user}", "rate": 1}]
        said = {"requestId": ids[user], who: user, "offers": offers}
        world.produce_raw(json.dumps(said).encode(), key, partition, topic=topics.replies)
        world.flush()

    reply("in-time", "in-time")
    reply("wrong-key", ids["wrong-key"])
    reply(
        "wrong-partition", "wrong-partition", (asked["wrong-partition"].partition + 1) % PARTITIONS
    )
    reply("anonymous", None)
    world.produce_raw(b"no reply", "bad", topic=topics.replies)
    world.flush()
    due = looked + timedelta(seconds=15)
    assert datetime.now(UTC) < due, "this machine is too slow to answer in time"
    wait_until(lambda: datetime.now(UTC) > due + timedelta(seconds=1), "the time-outs to be due")
    reply("late", "late")
    # Others' events are later than the time-outs: they must not bring them on before the replies.
    _look_at_loans(world, {f"passer-by-{number}": 4_000 for number in range(40)})
    with world.worker():
        wait_until(lambda: _count(world) >= 2 * len(users), "an Entered and an Exited of each")
    told = _told(world)
    for user in users:
        answered = user in users[:4]
        attributes = {"loan": f"of {user}", "rate": 1} if answered else CALL
        assert told[user] == [("Audience Entered", attributes), ("Audience Exited", attributes)]
    timed_out = {
        record.value["timestamp"]
        for record in world.received("crm")
        if record.key in users and record.value
    }
    assert timed_out == {due.isoformat(timespec="milliseconds")[:23] + "Z"}
    [letter] = [record.value for record in _read(world, f"{world.app}.dead-letters")]
    assert letter is not None
    assert (letter["error"]["code"], letter["origin"]["topic"]) == ("not_json", topics.replies)


def test_decisions_can_be_taken_out_again(world: World) -> None:
    """Once nothing asks any more, the topics can go; a journey that asks is refused then."""
    topics = _topics(world)
    world.publish(LOANS)
    with world.worker():
        _look_at_loans(world, {"u1": 4_000})
        wait_until(lambda: bool(world.read(topics.requests)), "the request")
        world.produce_raw(b"{}", "u1", topic=topics.replies)
        world.flush()
        wait_until(lambda: bool(world.read(f"{world.app}.dead-letters")), "the reply to be read")
        world.cli("archive", "loans")
        world.settle()
    file = world.file.read_text(encoding="utf-8")
    without = [line for line in file.splitlines() if not line.startswith("decisions")]
    world.file.write_text("\n".join(without), encoding="utf-8")
    for topic in (topics.requests, topics.replies):
        world.delete_topic(topic)
    with world.worker() as worker:
        wait_until(worker.holds_all, "all partitions")
        with pytest.raises(AssertionError, match=r"steps\[0\]\.ask: .* add to it `decisions"):
            world.publish(LOANS.replace("id: loans", "id: more_loans"))


def _topics(world: World) -> Decisions:
    decisions = load_project(world.file).decisions
    assert decisions is not None
    return decisions


def _look_at_loans(world: World, incomes: dict[str, int | None]) -> datetime:
    now = datetime.now(UTC)
    now -= timedelta(microseconds=now.microsecond % 1_000)
    events: list[dict[str, Any]] = []
    for user, income in incomes.items():
        who = {"anonymousId" if user == "anonymous" else "userId": user}
        about = {**who, "timestamp": now.isoformat(), "messageId": uuid4().hex}
        events.append({"type": "identify", "traits": {"income": income}, **about})
        looks = {"type": "track", "event": "Loan Page Viewed"}
        events.append({**looks, **about, "messageId": uuid4().hex})
    world.produce(events)
    return now


@contextlib.contextmanager
def _service(world: World, group: str) -> Iterator[None]:
    """Run the example's service; it is killed at the end, as it may be at any time."""
    service = subprocess.Popen(
        [
            *(sys.executable, str(SERVICE / "service.py"), "--bootstrap", world.bootstrap),
            *("--requests", _topics(world).requests, "--group", f"{world.app}-{group}"),
        ]
    )
    try:
        yield
        assert service.poll() is None, "the service ended by itself"
    finally:
        service.kill()
        service.wait()


def _read(world: World, topic: str) -> list[Received]:
    return [received(message) for message in world.read(topic)]


def _count(world: World) -> int:
    return len(world.received("email")) + len(world.received("crm"))


def _told(world: World) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return what was told of each user, without the step's key."""
    told = defaultdict(list)
    for record in (*world.received("email"), *world.received("crm")):
        assert record.value is not None
        said = record.value["properties"].items()
        attributes = {name: value for name, value in said if not name.startswith("j_o_")}
        told[record.key].append((record.value["event"], attributes))
    return dict(told)


def _travels(world: World) -> dict[str, list[str]]:
    """Return the stages that each user came to, after a look at the rows' form."""
    ways = defaultdict(list)
    for record in _read(world, load_project(world.file).travel_log or ""):
        row = record.value
        assert row is not None
        assert sorted(row) == SIXTEEN.split()
        assert row["event_id"] == record.key
        ways[record.key].append(row["stage_id"])
    return dict(ways)
