"""Dead letters have a bound, and those whose cause is gone become events after all."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.hello import HELLO
from tests.integration.waiting import PATIENCE
from tests.integration.world import Worker, World

BOUND = "limits: {dead_letters_in_a_row: 3}"
IN_A_ROW = "JOURNEYSTREAM_LIMITS__DEAD_LETTERS_IN_A_ROW"
LARGEST = "JOURNEYSTREAM_LIMITS__MESSAGE_BYTES"


def _world(make_world: MakeWorld, **options: object) -> World:
    world = make_world(**options)
    file = world.directory / "hello.yaml"
    file.write_text(HELLO, encoding="utf-8")
    world.cli("publish", file)
    return world


def _signed_up(user: str, **fields: object) -> dict[str, object]:
    event = {"type": "track", "event": "Signed Up", "userId": user, "messageId": f"m-{user}"}
    return {**event, "timestamp": "2024-01-01T00:00:00Z", **fields}


def _letters(world: World) -> list[dict[str, Any]]:
    records = [json.loads(each.value() or b"") for each in world.read(f"{world.app}.dead-letters")]
    return [record for record in records if "error" in record]


def _raw(letters: list[dict[str, Any]]) -> list[bytes]:
    return [b64decode(letter["value"]) for letter in letters]


def _entered(world: World) -> list[str]:
    return [each.key for each in world.received("email")]


def _apply_all(world: World, name: str = "worker-1") -> None:
    with world.worker(name):
        world.settle()


# ── another try ──────────────────────────────────────────────────────────────────────────


def test_replayed_junk_comes_back_as_dead_letters(make_world: MakeWorld) -> None:
    """A replay whose letters still are no events makes as many new letters: nothing is lost."""
    world = _world(make_world)
    junk = [b"junk %d" % number for number in range(5)]
    for value in junk:
        world.produce_raw(value, key="u1")
    world.flush()
    _apply_all(world)
    assert _raw(_letters(world)) == junk
    assert "replayed 5 dead letters" in world.cli("dead-letters", "replay")
    _apply_all(world)
    assert _raw(_letters(world)) == [*junk, *junk]
    (waiting,) = json.loads(world.cli("dead-letters", "list", "--json"))
    assert (waiting["code"], waiting["letters"]) == ("not_json", 5)
    world.produce([_signed_up("u1")])
    _apply_all(world)
    assert _entered(world) == ["u1"]


@pytest.mark.parametrize("keyed", [True, False])
def test_a_letter_whose_cause_is_gone_becomes_an_event(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, *, keyed: bool
) -> None:
    """With the limit raised, the event is applied at its own time, once; the junk stays."""
    world = _world(make_world, keyed=keyed)
    monkeypatch.setenv(LARGEST, "1000")
    with world.worker():
        world.produce([_signed_up("large", properties={"note": "x" * 2_000})])
        world.produce_raw(b"junk", key="large")
        world.produce([_signed_up("small")])
        world.settle()
    assert [letter["error"]["code"] for letter in _letters(world)] == ["too_large", "not_json"]
    assert _entered(world) == ["small"]
    monkeypatch.delenv(LARGEST)
    told = world.cli("dead-letters", "replay", "--code", "too_large")
    assert told.startswith("replayed 1 dead letter\n")
    world.cli("dead-letters", "replay", "--code", "too_large")
    with world.worker():
        world.mark_clock("2024-01-02T00:00:00Z")
        world.settle()
    assert sorted(_entered(world)) == ["large", "small"]
    times = {each.value["timestamp"] for each in world.received("email") if each.value}
    assert times == {"2024-01-01T00:00:00.000Z"}
    assert [each["code"] for each in json.loads(world.cli("dead-letters", "list", "--json"))] == [
        "not_json"
    ]


# ── the bound ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stopped_world(make_world: MakeWorld) -> World:
    """Make a world with a bound of three letters, of which two are committed and three to come."""
    world = _world(make_world, more=BOUND)
    with world.worker():
        world.produce([_signed_up("u1")])
        world.produce_raw(b"junk 0", key="u1")
        world.produce_raw(b"junk 1", key="u1")
        world.flush()
        world.settle()
    for number in range(2, 5):
        world.produce_raw(b"junk %d" % number, key="u1")
    world.produce([_signed_up("u1", event="Other"), _signed_up("u1", messageId="again")])
    return world


def _run_to_its_end(world: World, name: str) -> tuple[int, str]:
    """Run a worker that ends by itself; return its exit code and what it said."""
    worker = Worker(world, name)
    try:
        code = worker.process.wait(PATIENCE)
    finally:
        worker.kill()
    return code, (world.directory / f"{name}.log").read_text(encoding="utf-8")


def test_too_many_dead_letters_stop_the_worker(
    stopped_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with what to do, and again when it is started again, until the bound is raised."""
    world = stopped_world
    # The second has no state of its own: what was counted comes from the changelog.
    for name in ("worker-1", "worker-2", "worker-2"):
        code, told = _run_to_its_end(world, name)
        assert code == 1
        assert "dead letters in a row are more than limits.dead_letters_in_a_row = 3" in told
        assert "The last one is not_json: " in told
        # A batch that was cut before the fourth letter may have been committed; no other.
        assert len(_letters(world)) <= 3
    monkeypatch.setenv(IN_A_ROW, "10")
    _apply_all(world, "worker-2")
    assert _raw(_letters(world)) == [b"junk %d" % number for number in range(5)]
    monkeypatch.delenv(IN_A_ROW)
    world.produce([_signed_up("u2")])
    _apply_all(world, "worker-2")
    assert set(_entered(world)) == {"u1", "u2"}, "the bound can be put back"
