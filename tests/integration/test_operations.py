"""What operating.md tells operators to do and to look at, done and looked at."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from journeystream.embedded_broker import free_port
from tests.integration.asking import asked
from tests.integration.conftest import MakeWorld
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import PARTITIONS, World

HELLO = """\
id: hello
name: Hello
entry: {condition: {event: Signed Up}}
exits: [{name: bought, condition: {event: Order Completed, since: entry}}]
steps:
  - {id: wait, type: wait_for_duration, duration: 2 days, next: greet}
  - {id: greet, type: send_to_destinations, destinations: [email, ads]}
"""
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = 2  # events with a header that the test produces
OPERATOR = 1  # the exit code that asks whoever runs the worker to act


def signed_up(user: str, day: int) -> dict[str, object]:
    """Return an event of a user."""
    at = f"2024-01-{day:02}T00:00:00Z"
    return {"type": "track", "event": "Signed Up", "userId": user, "timestamp": at}


def ids(world: World, topic: str) -> list[tuple[str, str]]:
    """Return user and message id of what a destination can read, in order of partitions."""
    read = [json.loads(message.value() or b"{}") for message in world.read(topic)]
    return [(each["userId"], each["messageId"]) for each in read]


def test_another_app_tells_the_same_under_the_same_ids(make_world: MakeWorld) -> None:
    """An app that has lost all but its sources is walked again in a replay, and goes on in live
    time: consumers that drop repeats notice nothing."""  # noqa: D205, D209  one sentence
    world = make_world()
    email, ads = world.topic_of("email"), world.topic_of("ads")
    world.publish(HELLO)
    with world.worker():
        world.produce(signed_up(f"u{n}", 1 + n % 9) for n in range(40))
        bought = {"type": "track", "event": "Order Completed", "timestamp": "2024-01-05T00:00:00Z"}
        world.produce({**bought, "userId": f"u{n}"} for n in range(0, 40, 3))
        world.mark_clock("2024-01-08T00:00:00Z")
        world.settle()
    before, members = ids(world, email), _list_of(world, ads)
    assert len(before) > 20

    # Topics of sources and destinations stay; what is the app's own is new.
    text = world.file.read_text(encoding="utf-8")
    world.app += "-again"
    world.file.write_text(f"app: {world.app}\n{text.split(chr(10), 1)[1]}", encoding="utf-8")
    world.cli("topics")
    world.publish(HELLO)
    with world.worker("worker-2"):
        world.settle()
    again = ids(world, email)
    assert sorted(again) == sorted(before * 2)
    assert list(dict.fromkeys(again)) == before
    assert _list_of(world, ads) == members

    live = world.file.read_text(encoding="utf-8").replace("time: replay", "time: live")
    world.file.write_text(live, encoding="utf-8")
    greeted = {user for user, _ in before}
    late = {f"u{n}" for n in range(40) if n % 3} - greeted
    assert late
    with world.worker("worker-2"):
        # Who still waited in the replay has waited long enough by the wall clock.
        wait_until(lambda: late <= {user for user, _ in ids(world, email)}, "what came due")


@pytest.mark.usefixtures("refusing_topics")
def test_a_source_that_was_created_anew_is_refused(make_world: MakeWorld) -> None:
    """A worker whose source is another topic under its name ends, and says what to do."""
    world = make_world()
    world.publish(HELLO)
    with world.worker():
        world.produce([signed_up("u1", 1)])
        world.settle()
    world.delete_topic(world.source)
    world.cli("topics")
    with world.doomed_worker() as worker:
        assert worker.process.wait(PATIENCE) == OPERATOR
    last = worker.log.rstrip().splitlines()[-1]
    assert world.source in last
    assert "it was recreated; give the project another `app`" in last


def test_a_worker_is_watched_by_its_log_its_metrics_and_its_traces(make_world: MakeWorld) -> None:
    """A traced event is followed from its record to the destination; the log is JSON all through;
    lag, dead letters and the worker itself are told."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(HELLO.replace("2 days", "1 minute"))
    port = free_port()
    with _collector() as (endpoint, spans):
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        options = ("--http-port", str(port), "--log", "json", "--trace")
        with world.worker("worker-1", *options, settings=settings) as worker:
            wait_until(lambda: asked(port, "/ready")[0] == 200, "readiness")
            _produce_traced(world, signed_up("u1", 1))
            world.produce([signed_up("u2", 1)])
            world.produce_raw(b"junk", "u3", partition=0)
            _produce_traced(world, {**signed_up("u1", 2), "event": "Page Seen"})  # nobody reads it
            world.flush()
            world.settle()
            wait_until(
                lambda: sum(s.name.startswith("process") for s in spans) == TRACED, "the spans"
            )
            told = _metrics(port)
            wait_until(
                lambda: (
                    sum(n.startswith("journeystream_lag") for n in _metrics(port)) >= PARTITIONS
                ),
                "the lag of all partitions",
            )
    assert any('code="not_json"' in name for name in told if "dead_letters_total" in name)
    assert told["journeystream_ready"] == 1
    assert told['journeystream_partitions{standing="running"}'] == PARTITIONS
    assert any('worker="worker-1"' in name for name in told if "worker_info" in name)

    rows = [json.loads(line) for line in worker.log.splitlines()]
    assert {row["worker"] for row in rows} == {"worker-1"}
    taken = [row["partition"] for row in rows if "taken over" in row["event"]]
    assert sorted(taken) == list(range(PARTITIONS))

    processed = {span.span_id.hex(): span for span in spans if span.name.startswith("process")}
    assert {span.trace_id.hex() for span in processed.values()} == {TRACE}
    assert {span.parent_span_id.hex() for span in processed.values()} == {CALLER}
    greeted = {each.key: each.headers for each in world.received("email")}
    _, trace, parent, flags = greeted["u1"]["traceparent"].split("-")
    assert (trace, flags) == (TRACE, "01")
    assert parent in processed


def _list_of(world: World, topic: str) -> dict[bytes, bool]:
    """Return who is on a list for whoever reads its topic from the start."""
    last = {message.key(): message.value() is not None for message in world.read(topic)}
    return {key: True for key, there in last.items() if key is not None and there}


def _produce_traced(world: World, event: dict[str, object]) -> None:
    headers: dict[str, str | bytes | None] = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    world._producer.produce(world.source, json.dumps(event), str(event["userId"]), headers=headers)


def _metrics(port: int) -> dict[str, float]:
    """Return the worker's metrics, by name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    rows = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
    return {name: float(value) for name, value in rows}


@contextmanager
def _collector() -> Iterator[tuple[str, list[Span]]]:
    """Run a collector of traces; yield its address and the spans that it gets."""
    spans: list[Span] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(said).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
