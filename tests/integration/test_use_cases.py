"""Half of the templates, through Kafka, as their destinations see them.

Each file's own examples say what must come out; here their events go through Kafka and a
worker process, all examples of a journey at once. They are laid so that they end at the same
instant, so that one clock mark ends the replay:

    example A   |-----------------------------|
    example B              |------------------|
    example C        |------------------------|
                                           END: clock mark
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import pytest
from ruamel.yaml import YAML

from journeystream.durations import parse_duration
from tests.integration.conftest import MakeWorld
from tests.integration.reading import Received
from tests.shipped import template

END = datetime(2024, 6, 1, tzinfo=UTC)
LISTS = ("facebook_ads", "google_ads")
IDENTIFIED = ("support", "website")
CASES = (
    "cart_abandonment",
    "low_recency_winback",
    "trial_to_paid",
    "onboarding",
    "paid_subscription_acquisition",
    "abandoned_cart",
    "cart_inaction",
    "cross_sell",
    "purchase_discount",
    "loan_nurture",
    "platinum_rider",
    "product_replenishment",
)
CHANNELS = """\
  - {name: sms, type: event, topic: {app}-sms}
  - {name: push, type: event, topic: {app}-push}
  - {name: direct_mail, type: event, topic: {app}-direct-mail}
  - {name: website, type: event, topic: {app}-website, call: identify}
"""


@pytest.mark.parametrize("case", CASES)
def test_use_case_through_kafka(case: str, make_world: MakeWorld) -> None:
    """Destinations get exactly the messages, and lists hold exactly the users, of the examples."""
    read = YAML(typ="safe", pure=True).load_all(template(case).read_text(encoding="utf-8"))
    [journey] = [document for document in read if "steps" in document]
    world = make_world(more=CHANNELS)
    world.cli("publish", template(case))
    with world.worker():
        world.produce(sorted(_events(journey), key=lambda event: str(event["timestamp"])))
        world.mark_clock(_iso(END))
        world.settle()
    messages, members = _expected(journey)
    assert messages, "the examples expect nothing"
    for destination in sorted({name for name, _ in messages}):
        received = world.received(destination)
        assert all(
            len({r.partition for r in received if r.key == one.key}) == 1 for one in received
        )
        if destination in LISTS:
            assert _members(received) == members[destination]
        users = {user for name, user in messages if name == destination}
        for user in users | {_user_of(record) for record in received}:
            wanted = messages[destination, user]
            got = [_seen(record) for record in received if _user_of(record) == user]
            compared = [_without_reason(*pair) for pair in zip_longest(got, wanted)]
            assert compared == wanted, f"{destination}, {user}: got {got}"
    ids = [
        (destination, record.value["messageId"])
        for destination in {name for name, _ in messages} - set(LISTS)
        for record in world.received(destination)
        if record.value is not None
    ]
    assert len(ids) == len(set(ids)), "a message id was used twice"


def _events(journey: dict[str, Any]) -> list[dict[str, Any]]:
    events = []
    for number, example in enumerate(journey["examples"]):
        for place, written in enumerate(example["events"]):
            kinds = {"event": "track", "page": "page", "screen": "screen"}
            kind = next((word for word in kinds if word in written), None)
            event = {
                "type": kinds[kind] if kind else "identify",
                "userId": _user(number, written),
                "messageId": f"{number}-{place}",
                "timestamp": _iso(_start(example) + _span(written.get("at"))),
                "context": written.get("context", {}),
            }
            if kind:
                event["event" if kind == "event" else "name"] = written[kind]
                event["properties"] = written.get("properties", {})
            else:
                event["traits"] = written["traits"]
            events.append(event)
    return events


def _expected(
    journey: dict[str, Any],
) -> tuple[dict[tuple[str, str], list[Any]], dict[str, set[str]]]:
    """Return (destination, user) -> what it must see, and destination -> its members at the end."""
    sends = {
        step["id"]: [
            each if isinstance(each, str) else each["name"] for each in step["destinations"]
        ]
        for step in journey["steps"]
        if step["type"] == "send_to_destinations"
    }
    messages: dict[tuple[str, str], list[Any]] = defaultdict(list)
    members: dict[str, set[str]] = defaultdict(set)
    for number, example in enumerate(journey["examples"]):
        for line in example["expect"]:
            user, step = _user(number, line), line.get("enters") or line["exits"]
            entered = "enters" in line
            at = _iso(_start(example) + _span(line.get("at")))
            for destination in sends[step]:
                said = "true" if entered else "false"
                if destination in LISTS:
                    seen: Any = (step, at) if entered else "removed"
                    (members[destination].add if entered else members[destination].discard)(user)
                else:
                    seen = (step, at, said, line.get("reason"))
                messages[destination, user].append(seen)
    return messages, members


def _seen(record: Received) -> object:
    """Return what a destination sees of a record, in the form of `_expected`."""
    message = record.value
    if message is None:
        return "removed"
    context = message["context"]["journey"]
    if "list" in message:
        return context["step"], message["timestamp"]
    said = message["traits"] if message["type"] == "identify" else message["properties"]
    [(key, truth)] = [each for each in said.items() if each[0].startswith("j_o_")]
    assert key.count("__") >= 1
    if message["type"] == "track":
        event = {"true": "Audience Entered", "false": "Audience Exited"}[truth]
        assert message["event"] == event
    return (
        context["step"],
        message["timestamp"],
        truth,
        message["context"].get("exit", {}).get("reason"),
    )


def _without_reason(got: object, wanted: object) -> object:
    """Leave the reason out of what was seen where the example does not name one."""
    if isinstance(got, tuple) and isinstance(wanted, tuple) and wanted[-1] is None:
        return (*got[:-1], None)
    return got


def _members(received: list[Received]) -> set[str]:
    members: dict[str, bool] = {}
    for record in received:
        members[record.key] = record.value is not None
    return {key.split("/", 1)[1] for key, inside in members.items() if inside}


def _user_of(record: Received) -> str:
    return record.key.split("/", 1)[-1]


def _user(number: int, written: dict[str, Any]) -> str:
    return f"e{number}-{written.get('user', 'u1')}"


def _start(example: dict[str, Any]) -> datetime:
    last = example.get("until") or example["events"][-1].get("at")
    return END - _span(last)


def _span(text: str | None) -> timedelta:
    return timedelta(microseconds=parse_duration(text).micros) if text else timedelta(0)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
