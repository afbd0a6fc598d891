"""Changes over HTTP through two workers: each done once, none lost, all of them recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from journeystream.embedded_broker import EmbeddedBroker
from tests.integration.api_client import MORE, TOKENS, Answer, Api
from tests.integration.waiting import wait_until
from tests.integration.world import Worker, World


class Pair(NamedTuple):
    """A project with two workers, whose APIs are `first` and `second`."""

    world: World
    first: Api
    second: Api
    workers: tuple[Worker, Worker]

    def audit(self) -> list[dict[str, Any]]:
        """Return the records of who asked for what."""
        return [
            json.loads(each.value() or b"") for each in self.world.read(f"{self.world.app}.audit")
        ]

    def control(self) -> list[str]:
        """Return the keys of the control topic's records."""
        return [
            (each.key() or b"").decode() for each in self.world.read(f"{self.world.app}.control")
        ]


@pytest.fixture(scope="module")
def pair(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Run two workers for all tests of this file."""
    world = World(tmp_path_factory.mktemp("pair"), kafka, live=True, more=MORE)
    first, second = Api(), Api()
    elsewhere = {"JOURNEYSTREAM_API__ADVERTISE": f"http://localhost:{second.port}"}
    with (
        world.worker("worker-1", *first.options) as one,
        world.worker("worker-2", *second.options, settings=elsewhere) as two,
    ):
        wait_until(lambda: first.is_ready() and second.is_ready(), "the workers")
        yield Pair(world, first, second, (one, two))


def journey(id_: str, **changes: object) -> dict[str, Any]:
    """Write a journey that users enter by name."""
    step = {"id": "greet", "type": "send_to_destinations", "destinations": ["email"]}
    return {"id": id_, "name": id_, "entry": {"by_name": True}, "steps": [step], **changes}


def test_each_worker_knows_the_others_by_their_address(pair: Pair) -> None:
    """Each is told once, at the address that it advertises, and all partitions are somewhere."""
    for api in (pair.first, pair.second):
        told = api.get("/workers").body
        assert [each["url"].rstrip("/") for each in told["items"]] == sorted(
            [f"http://127.0.0.1:{pair.first.port}", f"http://localhost:{pair.second.port}"]
        )
        assert told["missing"] == []


def test_what_was_changed_is_read_at_once(pair: Pair) -> None:
    """When a change is answered, every worker knows it, and a second look says the same."""
    pair.first.post("/journeys", journey("quick"))
    pair.first.post("/journeys/quick/publish")
    for turn in range(12):
        changing, asking = (pair.first, pair.second) if turn % 2 else (pair.second, pair.first)
        answer = changing.post(f"/journeys/quick/{'resume' if turn % 2 else 'pause'}")
        assert answer.status == 200
        for api in (asking, changing):
            shown = api.get("/journeys/quick")
            assert (shown.body, shown.etag) == (answer.body, answer.etag)


def test_the_same_again_is_answered_the_same(pair: Pair) -> None:
    """Under an idempotency key a change is done once; any worker answers as the first one did."""
    once = {"Idempotency_Key": "key-1"}
    first = pair.first.post("/journeys", journey("once"), **once)
    again = [api.post("/journeys", journey("once"), **once) for api in (pair.second, pair.first)]
    assert first.status == 201
    assert all(
        (each.body, each.status, each.etag) == (first.body, 201, first.etag) for each in again
    )
    assert pair.control().count("draft/once") == 1
    other = pair.second.post("/journeys", journey("other"), **once)
    assert (other.status, other.body["detail"][:16]) == (422, "Idempotency-Key:")
    assert pair.second.get("/journeys/other").status == 404
    assert pair.second.post("/journeys", journey("once")).status == 409


def test_an_enrolment_is_counted_once_under_its_key(pair: Pair) -> None:
    """The same enrolment under one key, at either worker, is one entry; without a key each is."""
    entry = {"by_name": True, "reentry": "after_exit"}
    assert pair.first.post("/journeys", journey("join", entry=entry, at_end="exit")).status == 201
    assert pair.first.post("/journeys/join/publish").status == 200

    def enroll(api: Api, user: str, **headers: str) -> None:
        body = {"users": [{"userId": user}]}
        assert api.post("/journeys/join/users", body, **headers).status == 202

    for api in (pair.first, pair.second, pair.first):
        enroll(api, "j1", Idempotency_Key="j")
    for api in (pair.first, pair.second):
        enroll(api, "j1")
    enroll(pair.first, "j2")
    pair.world.settle()
    told = [each.value or {} for each in pair.world.received("email")]
    entered = [each["userId"] for each in told if each["event"] == "Audience Entered"]
    assert (entered.count("j1"), entered.count("j2")) == (3, 1)


def test_only_the_state_that_is_known_is_changed(pair: Pair) -> None:
    """Of two who saw the same state one changes it; the other one is told to look again."""
    seen = pair.first.post("/journeys", journey("seen")).etag
    done = pair.first.put("/journeys/seen", journey("seen", description="mine"), If_Match=seen)
    assert done.status == 200
    late = {"If_Match": seen}
    refused: list[Answer] = [
        pair.second.put("/journeys/seen", journey("seen", description="yours"), **late),
        pair.second.delete("/journeys/seen", **late),
        pair.second.post("/journeys/seen/publish", **late),
    ]
    assert [each.status for each in refused] == [412] * 3
    assert done.etag in refused[0].body["detail"]
    assert pair.second.get("/journeys/seen").body["description"] == "mine"
    assert pair.second.post("/journeys/seen/publish", If_Match=done.etag).status == 200
    for action in ("pause", "resume", "stop", "archive", "unarchive", "retry"):
        assert pair.second.post(f"/journeys/seen/{action}", If_Match=done.etag).status == 412


@pytest.mark.usefixtures("fencing")
def test_changes_at_the_same_time_are_all_done(pair: Pair) -> None:
    """Whoever changes something at whichever worker at whatever time: all is done, none is lost.

    Who is told to come again (503) does so with the same idempotency key.
    """
    count = 16

    def create(number: int) -> int:
        api, name = (pair.first, pair.second)[number % 2], f"race-{number:02}"
        for _ in range(3):
            status = api.post("/journeys", journey(name), Idempotency_Key=name).status
            if status != 503:
                break
        return status

    with ThreadPoolExecutor(count) as crowd:
        statuses = list(crowd.map(create, range(count)))
    assert statuses == [201] * count
    found = pair.first.get("/journeys?after=race-&limit=1000").body["items"]
    ids = [each["id"] for each in found if each["id"].startswith("race-")]
    assert ids == [f"race-{number:02}" for number in range(count)]


@pytest.mark.usefixtures("fencing")
def test_of_two_who_choose_one_id_one_is_told(pair: Pair) -> None:
    """The same draft created at both workers at once is created once."""
    with ThreadPoolExecutor(2) as crowd:
        statuses = list(
            crowd.map(lambda api: api.post("/journeys", journey("twin")).status, pair[1:3])
        )
    assert sorted(statuses) == [201, 409]


def test_each_change_has_its_record(pair: Pair) -> None:
    """Who did what is in the audit topic, once for each change; what was refused is not there."""
    before = len(pair.audit())
    pair.first.post("/journeys", journey("told"), role="write")
    pair.second.post("/journeys/told/publish", role="write")
    pair.second.post("/journeys/told/resume", role="write")  # refused
    pair.second.post("/journeys/told/stop", role="write")  # not allowed
    pair.first.post("/journeys/told/pause", {"hold": True}, role="admin")
    pair.first.put("/lists/vip/users/u1", role="write")
    pair.first.delete("/users/u1", role="admin")
    pair.world.cli("resume", "told")
    records = pair.audit()[before:]
    told = [(each["who"], each["via"], each["action"], each["subjects"]) for each in records]
    assert told[:5] == [
        ("write", "api", "create", ["told"]),
        ("write", "api", "publish", ["told"]),
        ("admin", "api", "pause", ["told"]),
        ("write", "api", "add to list", ["vip", "u1"]),
        ("admin", "api", "erase", ["u1"]),
    ]
    assert [each[1:] for each in told[5:]] == [("command", "resume", ["told"])]
    assert records[1]["records"] == ["journey/told/1", "journey/told", "draft/told"]
    assert all(each["at"].endswith("Z") for each in records)


def test_tokens_and_insides_are_told_to_nobody(pair: Pair) -> None:
    """No answer names a file of ours or a token, and no worker's log holds a token."""
    answers = [
        pair.first.get("/journeys", role=role) for role in (None, "unknown-0123456789abcdef")
    ]
    answers += [pair.first.post("/journeys/seen/stop", role="read"), pair.first.get("/nothing")]
    answers += [pair.first.post("/journeys", b"{"), pair.first.post("/simulate", {"x": 1})]
    bad = {"definition": journey("bad"), "topic": "no-such-topic"}
    answers += [pair.first.post("/simulate", bad), pair.first.post("/preview", {"journey": "no"})]
    assert [each.status for each in answers] == [401, 401, 403, 404, 400, 422, 422, 422]
    said = json.dumps([each.body for each in answers])
    for secret in (*TOKENS.values(), "Traceback", ".py", str(pair.world.directory), "/tmp/"):  # noqa: S108  looked for
        assert secret not in said
    for worker in pair.workers:
        assert not any(token in worker.log for token in TOKENS.values())
    document = json.dumps(pair.first.get("/openapi.json", role=None).body)
    assert not any(token in document for token in TOKENS.values())


def test_without_transactions_changes_are_made_too(
    kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With `at_least_once` journeys are changed and recorded; users can only be erased by name."""
    world = World(tmp_path_factory.mktemp("repeats"), kafka, live=True, more=MORE)
    api = Api()
    repeats = {"JOURNEYSTREAM_KAFKA__GUARANTEE": "at_least_once"}
    with world.worker("worker-1", *api.options, settings=repeats):
        wait_until(api.is_ready, "the worker")
        assert api.post("/journeys", journey("simple")).status == 201
        assert api.post("/journeys/simple/publish").body["status"] == "live"
        refused = api.post("/journeys/simple/users", {"users": [{"userId": "u1"}]})
        assert (refused.status, refused.body["detail"][:16]) == (422, "kafka.guarantee:")
        assert api.delete("/users/u1").status == 202
    audit = [json.loads(each.value() or b"") for each in world.read(f"{world.app}.audit")]
    assert [each["action"] for each in audit] == ["create", "publish", "erase"]


def test_a_worker_without_its_broker_says_so(tmp_path: Path) -> None:
    """When Kafka goes away, who looks and who changes something are told to try again later."""
    api = Api()
    with EmbeddedBroker(tmp_path / "broker") as broker:
        world = World(tmp_path, broker.bootstrap, live=True, more=MORE)
        worker = Worker(world, "worker-1", *api.options)
        wait_until(api.is_ready, "the worker")
    for answer in (
        api.get("/journeys"),
        api.post("/journeys", journey("late")),
        api.put("/lists/vip/users/u1"),
    ):
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        assert answer.body["detail"] == "Kafka does not answer; try again later"
    worker.kill()
