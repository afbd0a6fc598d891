"""HTTP ingest with the SDKs that apps use, Kafka that dies, and workers behind it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from journeystream.agents.decode import decode, source_limits
from journeystream.agents.home import home_of
from journeystream.events import Event
from journeystream.project import load_project
from tests.brokers import Broker
from tests.integration.asking import asked
from tests.integration.conftest import MakeWorld
from tests.integration.ingesting import KEY, IngestProcess, ingest
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import PARTITIONS, World

PAGE = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text(encoding="utf-8")
NODE_SDK = "@segment/analytics-node@3.1.0"
APP = Path(__file__).with_name("send_calls.mjs")
# What each SDK is told to send, as a worker has to read it: user, call, name, properties, previous.
CALLS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("u1", "identify", "", {"plan": "pro"}, ""),
    ("u1", "track", "Order", {"total": 5}, ""),
    ("a1", "track", "Seen", {}, ""),
    ("u1", "page", "Intro", {"section": "docs"}, ""),
    ("u1", "screen", "Home", {"tab": 2}, ""),
    ("u1", "group", "", {"name": "Acme"}, ""),
    ("u1", "alias", "", {}, "a1"),
]
TWICE = """\
id: twice
name: Twice
entry: {condition: {event: Order, at_least: 2, within: 1 day}}
steps: [{id: thank, type: send_to_destinations, destinations: [email]}]
"""


def _segment(url: str, _: Path) -> None:
    _python_calls(SegmentClient(KEY, host=url, on_error=_fail, max_retries=3))


def _segment_packed(url: str, _: Path) -> None:
    _python_calls(SegmentClient(KEY, host=url, on_error=_fail, max_retries=3, gzip=True))


def _rudder(url: str, _: Path) -> None:
    _python_calls(RudderClient(KEY, host=url, on_error=_fail, max_retries=3))


def _python_calls(client: Any) -> None:  # noqa: ANN401 -- of either SDK; they have no types
    client.identify("u1", {"plan": "pro"})
    client.track("u1", "Order", {"total": 5})
    client.track(anonymous_id="a1", event="Seen")
    client.page("u1", name="Intro", properties={"section": "docs"})
    client.screen("u1", name="Home", properties={"tab": 2})
    client.group("u1", "g1", {"name": "Acme"})
    client.alias("a1", "u1")
    client.flush()
    client.join()


def _fail(error: Exception, _: object) -> None:
    raise error


def _node(url: str, directory: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no node and npm here: Segment's SDK for node is not tried")
    install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory), NODE_SDK]
    done = subprocess.run(install, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm can not get {NODE_SDK}: {done.stderr[-300:]}")
    app = shutil.copy(APP, directory)
    sent = [node, app, url, KEY]
    said = subprocess.run(sent, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("send", [_segment, _segment_packed, _rudder, _node])
def test_what_an_sdk_sends_is_what_a_worker_reads(
    make_world: MakeWorld, tmp_path: Path, send: Callable[[str, Path], None]
) -> None:
    """Every kind of call of a real SDK arrives as that event, in order, in its user's partition."""
    world = make_world(live=True)
    with ingest(world) as running:
        send(running.url, tmp_path)
        records = world.read(world.source)
        assert _metric(running, "journeystream_ingest_events_total") == len(CALLS)
    read = [(record, _read(world, record)) for record in records]
    told = [
        (event.user_id, event.kind, event.name, dict(event.properties), event.previous)
        for _, event in read
    ]
    for user in ("u1", "a1"):
        assert [each for each in told if each[0] == user] == [c for c in CALLS if c[0] == user]
    assert len(told) == len(CALLS)
    for record, event in read:
        assert record.key() == event.user_id.encode()
        assert record.partition() == home_of(event.user_id.encode(), PARTITIONS)
        assert event.message_id
    assert len({event.message_id for _, event in read}) == len(CALLS)


def test_the_examples_of_the_page_work(make_world: MakeWorld) -> None:
    """What docs/ingest.md shows for an SDK and for curl sends these events, as it stands."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl here: the page's call by hand is not tried")
    world = make_world(live=True)
    with ingest(world) as running:

        def shown(pattern: str) -> str:
            [block] = re.findall(pattern, PAGE, re.DOTALL)
            there = str(block).replace("http://127.0.0.1:8080", running.url)
            return there.replace("a-key-of-the-shop", KEY)

        app = [sys.executable, "-c", shown(r"```python\n(.*?)```")]
        subprocess.run(app, check=True, timeout=PATIENCE)
        by_hand = shlex.split(shown(r"\n(curl .*?)```").replace("\\\n", ""))
        said = subprocess.run([curl, "-s", *by_hand[1:]], capture_output=True, check=True)
        assert json.loads(said.stdout) == {"success": True}
    events = [_read(world, record) for record in world.read(world.source)]
    assert [(event.user_id, event.name) for event in events] == [("u1", "Order Completed")] * 2
    assert [event.properties for event in events] == [{"total": 40}, {}]


def test_a_retried_batch_counts_once(make_world: MakeWorld) -> None:
    """A sender that heard nothing sends the batch again: workers count its events once."""
    world = make_world(live=True)
    world.publish(TWICE)
    once = [_order("once", "m1")]
    twice = [_order("twice", "m1"), _order("twice", "m2")]
    with world.worker(), ingest(world) as running:
        for batch in (once, once, twice, once):
            assert running.send("/v1/batch", {"batch": batch})[0] == 200
        wait_until(lambda: bool(world.received("email")), "an Entered")
        world.settle()
    assert len(world.read(world.source)) == 5
    assert [each.key for each in world.received("email")] == ["twice"]


def test_nothing_that_is_acknowledged_is_lost_when_kafka_dies(
    make_world: MakeWorld, own_broker: Broker
) -> None:
    """While Kafka is killed and comes back, senders are told to come again and do so; all that
    was acknowledged is in the topic, under the id that it had."""  # noqa: D205, D209  one sentence
    if not own_broker.full:
        pytest.skip("the embedded broker forgets what it acknowledged when it is killed")
    world = make_world(live=True)
    acknowledged: list[str] = []
    statuses: list[int] = []
    enough = threading.Event()

    def sender(name: str) -> None:
        number = 0
        while not enough.is_set():
            ids = [f"{name}-{number}-{each}" for each in range(10)]
            batch = [_order(f"u{each}", id_) for each, id_ in enumerate(ids)]
            status = 0
            while status != 200 and not enough.is_set():
                status, _ = running.send("/v1/batch", {"batch": batch})
                statuses.append(status)
                enough.wait(0.0 if status == 200 else 0.1)
            if status == 200:
                acknowledged.extend(ids)
            number += 1

    bounds = {"ingest__acknowledge_within": "1 second", "ingest__requests_in_flight": "3"}
    with ingest(world, **bounds) as running:
        senders = [threading.Thread(target=sender, args=(f"s{n}",)) for n in range(4)]
        for each in senders:
            each.start()
        try:
            wait_until(lambda: len(acknowledged) > 200, "events before the kill")
            own_broker.kill()
            wait_until(lambda: 503 in statuses, "refusals")
            wait_until(lambda: asked(running.probes, "/ready")[0] == 503, "the truth")
            own_broker.start()
            before = len(acknowledged)
            wait_until(lambda: len(acknowledged) > before + 200, "events after it")
        finally:
            enough.set()
            for each in senders:
                each.join(PATIENCE)
    there = {json.loads(record.value() or b"")["messageId"] for record in world.read(world.source)}
    assert set(acknowledged) <= there
    assert set(statuses) <= {200, 429, 503}


def test_what_is_in_flight_is_finished_when_it_is_asked_to_end(
    make_world: MakeWorld, own_broker: Broker
) -> None:
    """A request that waits for Kafka when SIGTERM comes is answered once Kafka has it; then the
    process ends, and takes no other connection."""  # noqa: D205, D209  one sentence
    world = make_world(live=True)
    answers: list[int] = []
    with ingest(world) as running:
        assert running.send("/v1/track", _order("u1", "m1"))[0] == 200
        own_broker.freeze()
        try:
            waiting = threading.Thread(
                target=lambda: answers.append(running.send("/v1/track", _order("u1", "m2"))[0])
            )
            waiting.start()
            in_flight = "journeystream_ingest_in_flight_requests"
            wait_until(lambda: _metric(running, in_flight) == 1, "a request in flight")
            running.ask_to_end()
            wait_until(lambda: not running.listens(), "a closed door")
        finally:
            own_broker.thaw()
        waiting.join(PATIENCE)
    assert answers == [200]
    ids = [json.loads(record.value() or b"")["messageId"] for record in world.read(world.source)]
    assert ids == ["m1", "m2"]


def test_it_ends_though_kafka_does_not_answer(make_world: MakeWorld, own_broker: Broker) -> None:
    """Where Kafka stands still, what waits for it is told to come again, and the process ends
    within its time all the same."""  # noqa: D205, D209  one sentence
    world = make_world(live=True)
    bounds = {"ingest__acknowledge_within": "1 second", "limits__stop_within": "4 seconds"}
    try:
        with ingest(world, **bounds) as running:
            own_broker.freeze()
            assert running.send("/v1/track", _order("u1", "m1"))[0] == 503
            running.ask_to_end()
            assert running.process.wait(10) == 0
    finally:
        own_broker.thaw()


@pytest.mark.usefixtures("refusing_topics")
def test_a_topic_that_is_created_again_is_written_again(make_world: MakeWorld) -> None:
    """While the topic is missing senders are told to come again; once it is there, without a
    restart, their events are taken."""  # noqa: D205, D209  one sentence
    world = make_world(live=True)
    with ingest(world, ingest__acknowledge_within="1 second") as running:
        assert running.send("/v1/track", _order("u1", "m1"))[0] == 200
        world.delete_topic(world.source)
        assert running.send("/v1/track", _order("u1", "m2"))[0] == 503
        world.cli("topics")
        wait_until(lambda: running.send("/v1/track", _order("u1", "m2"))[0] == 200, "an answer")
    read = [_read(world, record) for record in world.read(world.source)]
    assert {event.message_id for event in read} == {"m2"}


def _order(user: str, id_: str) -> dict[str, Any]:
    return {"type": "track", "event": "Order", "userId": user, "messageId": id_}


def _read(world: World, record: Message) -> Event:
    """Read a record of the source as a worker of the world does."""
    limits = source_limits(load_project(world.file))
    event = decode(record.value(), record.timestamp()[1] * 1_000, limits)
    assert isinstance(event, Event)
    return event


def _metric(running: IngestProcess, name: str) -> float:
    url = f"http://127.0.0.1:{running.probes}/metrics"
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    [line] = [each for each in lines if each.startswith(f"{name} ")]
    return float(line.split()[1])
