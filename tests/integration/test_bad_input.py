"""Whatever is in a source topic, a partition goes on and nothing is lost."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

from tests.integration.conftest import MakeWorld
from tests.shipped import template

ONBOARDING = template("onboarding")
GOOD: dict[str, object] = {
    "type": "track",
    "event": "Account Created",
    "userId": "good",
    "timestamp": "2024-01-01T00:00:00Z",
}


def _with(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


BAD: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"\x00\xff not json", "not_json"),
    "half of a JSON object": (b'{"type": "track", ', "not_json"),
    "no value": (None, "empty"),
    "a JSON list": (b"[1, 2]", "not_an_object"),
    "a JSON number": (b"17", "not_an_object"),
    "no user": (_with(userId=None), "no_user"),
    "a user that is a number": (_with(userId=7), "wrong_type"),
    "a user of 10,000 characters": (_with(userId="x" * 10_000), "bad_user"),
    "a user with a NUL": (_with(userId="a\0b"), "bad_user"),
    "properties that are a text": (_with(properties="none"), "wrong_type"),
    "an unknown type": (_with(type="purchase"), "unknown_type"),
    "no type": (_with(type=None), "unknown_type"),
    "no event name": (_with(event=None), "no_event_name"),
    "a time that is none": (_with(timestamp="yesterday"), "bad_time"),
    "a time that is a number": (_with(timestamp=1_700_000_000), "bad_time"),
    "a time in 1970": (_with(timestamp="1970-01-01T00:00:00Z"), "time_too_old"),
    "a time in 2999": (_with(timestamp="2999-01-01T00:00:00Z"), "time_in_future"),
    "100,000 brackets": (b"[" * 100_000, "not_json"),
    "deep nesting": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "not_json"),
    "10 MB of junk": (b"\xfe" * 10_000_000, "too_large"),
    "10 MB of JSON": (_with(properties={"x": "y" * 10_000_000}), "too_large"),
}


def test_each_bad_record_is_a_dead_letter_and_the_partition_goes_on(make_world: MakeWorld) -> None:
    """A bad record is kept whole with its origin and reason, and what follows is applied."""
    world = make_world()
    world.cli("publish", ONBOARDING)
    with world.worker():
        world.produce([GOOD])
        for value, _ in BAD.values():
            world.produce_raw(value, key="good")
        world.produce(
            [{**GOOD, "event": "Tutorial Completed", "timestamp": "2024-01-01T00:30:00Z"}]
        )
        world.mark_clock("2024-01-02T00:00:00Z")
        world.settle()
    letters = [
        json.loads(message.value() or b"") for message in world.read(f"{world.app}.dead-letters")
    ]
    assert [letter["error"]["code"] for letter in letters] == [code for _, code in BAD.values()]
    for letter, (name, (value, _)) in zip(letters, BAD.items(), strict=True):
        raw = None if letter["value"] is None else b64decode(letter["value"])
        assert raw == value, name
        assert letter["error"]["text"], name
        assert letter["origin"]["topic"] == world.source
    offsets = [letter["origin"]["offset"] for letter in letters]
    assert offsets == list(range(offsets[0], offsets[0] + len(BAD)))
    entered = [record.value["event"] for record in world.received("email") if record.value]
    assert entered == ["Audience Entered"], "the partition did not go on"


def test_times_are_handled_by_written_rules(make_world: MakeWorld) -> None:
    """No time, or one a little ahead of its record, means the record's own time."""
    world = make_world()
    world.cli("publish", ONBOARDING)
    now = datetime.now(UTC)
    times = {
        "null": {**GOOD, "timestamp": None},
        "absent": {name: value for name, value in GOOD.items() if name != "timestamp"},
        "ahead": {**GOOD, "timestamp": (now + timedelta(hours=1)).isoformat()},
    }
    with world.worker():
        world.produce({**event, "userId": user} for user, event in times.items())
        world.mark_clock((now + timedelta(hours=2)).isoformat())
        world.settle()
    due = {
        key.decode(): message.timestamp()[1] + 3_600_000
        for message in world.read(world.source)
        if (key := message.key()) is not None
    }
    entered = {
        record.key: round(datetime.fromisoformat(record.value["timestamp"]).timestamp() * 1_000)
        for record in world.received("email")
        if record.value
    }
    assert entered == due
