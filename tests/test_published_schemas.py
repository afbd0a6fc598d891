"""The schemas of records against the code that reads and writes such records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types
from ruamel.yaml import YAML
from typer.testing import CliRunner

from journeystream.agents.decode import CLOCK_KIND, KINDS, DecodeLimits, clock_mark, decode
from journeystream.cli import app_for
from journeystream.commands.schemas import schema_files
from journeystream.effects import (
    EXIT_REASONS,
    Assigned,
    DecisionRequest,
    Reached,
    StepMembership,
    Travelled,
)
from journeystream.errors import RejectedEvent
from journeystream.project_template import TEMPLATE
from journeystream.published_schemas import record_schemas
from journeystream.sinks.dead_letters import Origin, dead_letter
from journeystream.sinks.decision_requests import RequestSink
from journeystream.sinks.event_destination import EventSink
from journeystream.sinks.list_destination import ListSink
from journeystream.sinks.records import OutRecord
from journeystream.sinks.travel_log import TravelSink
from tests.shipped import AUDIENCES, ROOT, TEMPLATES

app = app_for(())
NOW = 1_704_067_200_000_000
LIMITS = DecodeLimits(message_bytes=1_000_000, clock_skew=0, oldest_event=0, replay=True)


def validator(name: str) -> Draft202012Validator:
    """Return a validator of a schema file, after a look at the schema itself."""
    schema = orjson.loads(schema_files()[f"{name}.schema.json"])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def membership(**fields: object) -> StepMembership:
    """Return an effect with everything that a sink may write."""
    data: dict[str, Any] = {
        "change": "exited",
        "user_id": "u1",
        "anonymous": False,
        "at": NOW,
        "destination": "email",
        "journey": "welcome",
        "version": 2,
        "instance": "1f",
        "step": "greet",
        "key": "j_o_welcome__greeting_abc123",
        "visit": 1,
        "attributes": {"first_name": "Ada", "age": 36},
        "reason": "exit_condition",
        "detail": "ordered",
        **fields,
    }
    return StepMembership(**data)


def assert_described(schema: dict[str, Any], value: object, root: dict[str, Any]) -> None:
    """Fail if a value has a field that its schema does not describe."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            assert name in schema["properties"]
            assert_described(schema["properties"][name], inner, root)


def assert_follows(record: OutRecord, name: str, part: str | None = None) -> None:
    """Fail unless a record is valid, and described field by field."""
    checked = validator(name)
    value = orjson.loads(record.value or b"null")
    checked.validate(value)
    root: Any = checked.schema
    assert_described(root["$defs"][part] if part else root, value, root)


def test_the_files_are_what_the_command_writes(tmp_path: Path) -> None:
    """schemas/ in the repository is up to date: `journeystream schemas` writes it."""
    assert CliRunner().invoke(app, ["schemas", str(tmp_path)]).exit_code == 0
    there = {file.name: file.read_bytes() for file in (ROOT / "schemas").glob("*.json")}
    assert there == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("change", ["entered", "exited"])
@pytest.mark.parametrize("anonymous", [True, False])
@pytest.mark.parametrize("call", ["track", "identify"])
def test_messages_follow_their_schema(
    change: str, call: Literal["track", "identify"], *, anonymous: bool
) -> None:
    """What event destinations get is valid, and every field of it is described."""
    left = {} if change == "exited" else {"reason": None, "detail": None}
    effect = membership(change=change, anonymous=anonymous, **left)
    (record,) = EventSink("email", call).records(effect)
    assert_follows(record, "message", call)


@pytest.mark.parametrize("anonymous", [True, False])
def test_list_members_follow_their_schema(*, anonymous: bool) -> None:
    """What list destinations get is valid, and every field of it is described."""
    effect = membership(change="entered", anonymous=anonymous, reason=None, detail=None)
    (record,) = ListSink("ads").records(effect)
    assert_follows(record, "list_member")


@pytest.mark.parametrize(("key", "value"), [(b"u1", b"\xff no JSON"), (None, None)])
def test_dead_letters_follow_their_schema(key: bytes | None, value: bytes | None) -> None:
    """Whatever the bytes were, the dead letter is valid, and every field of it is described."""
    origin = Origin("events", 0, 7, NOW // 1_000)
    record = dead_letter("letters", origin, key, value, code="not_json", text="no")
    assert_follows(record, "dead_letter")


@pytest.mark.parametrize("anonymous", [True, False])
def test_decision_requests_follow_their_schema(*, anonymous: bool) -> None:
    """What a decision service gets is valid, and every field of it is described."""
    place = "loans", 2, "1f", "ask", 1
    request = DecisionRequest("u1", anonymous, NOW, *place, "df_loans", 3, {"income": 9})
    (record,) = RequestSink("asked", "answered").records(request)
    assert_follows(record, "decision_request")


def test_the_travel_log_follows_its_schema() -> None:
    """A row is valid, and has no field beside those that the schema of its kind names."""
    sink, way = TravelSink("travels"), ("test", "half", True)
    row = Travelled("u1", NOW, "loans", "Loans", 2, "1f", "ask", "Ask", "decide")
    assert_follows(sink.record(row), "travel_log")
    goal = Reached("u1", NOW, "loans", 2, "1f", "test.paid", NOW, *way)
    assert_follows(sink.record(goal), "travel_goal")
    path = Assigned("u1", NOW, "loans", 2, "1f", NOW, *way)
    assert_follows(sink.record(path), "travel_path")


REPLY = {"requestId": "r1", "userId": "u1", "offers": [{"offer_id": "gold"}]}


@pytest.mark.parametrize(
    "reply",
    [
        REPLY,
        {**REPLY, "offers": [], "timestamp": "2024-01-01T00:00:00Z", "messageId": None, "more": 1},
        {**REPLY, "userId": None, "anonymousId": "a1", "type": "decision_reply"},
        # Refused:
        [],
        {},
        {**REPLY, "requestId": ""},
        {**REPLY, "requestId": 7},
        {**REPLY, "requestId": "r" * 513},
        {**REPLY, "userId": None},
        {**REPLY, "offers": None},
        {**REPLY, "offers": {"offer_id": "gold"}},
        {**REPLY, "offers": ["gold"]},
        {**REPLY, "timestamp": 1_704_067_200},
        {**REPLY, "messageId": 7},
        {"type": "track", "event": "Viewed", "userId": "u1"},
    ],
)
def test_replies_are_judged_alike_by_schema_and_worker(reply: object) -> None:
    """What the schema accepts is an answer; what it refuses, a dead letter."""
    try:
        decode(orjson.dumps(reply), NOW, replace(LIMITS, replay=False, replies=True))
    except RejectedEvent:
        accepted = False
    else:
        accepted = True
    assert validator("decision_reply").is_valid(reply) is accepted


def test_a_message_of_neither_form_is_refused() -> None:
    """The schema tells a track call's fields from an identify call's."""
    (record,) = EventSink("email", "track").records(membership())
    message = orjson.loads(record.value or b"")
    checked = validator("message")
    assert not checked.is_valid({**message, "type": "identify"})
    assert not checked.is_valid({**message, "event": "Order Completed"})
    assert not checked.is_valid({name: message[name] for name in message if name != "userId"})


USER = {"userId": "u1"}
TRACK = {"type": "track", "event": "Viewed", **USER}


@pytest.mark.parametrize(
    "record",
    [
        TRACK,
        {**TRACK, "properties": None, "context": None, "messageId": None, "more": 1},
        {**TRACK, "timestamp": "2024-01-01T00:00:00Z", "properties": {"a": 1}},
        {"type": "track", "event": "Viewed", "userId": None, "anonymousId": "a1"},
        {"type": "page", **USER},
        {"type": "screen", "name": "Cart", **USER},
        {"type": "identify", "traits": {"plan": "pro"}, **USER},
        {"type": "group", **USER},
        {"type": "alias", **USER},
        orjson.loads(clock_mark(NOW)),
        # Refused:
        [],
        {},
        USER,
        {"type": "track", **USER},
        {"type": "track", "event": "", **USER},
        {"type": "track", "event": 7, **USER},
        {"type": "purchase", **USER},
        {"type": "track", "event": "Viewed"},
        {"type": "track", "event": "Viewed", "userId": ""},
        {**TRACK, "userId": 7},
        {**TRACK, "userId": "u" * 513},
        {**TRACK, "userId": "a\0b"},
        {**TRACK, "messageId": 7},
        {**TRACK, "timestamp": 1_704_067_200},
        {**TRACK, "properties": []},
        {**TRACK, "context": "web"},
        {"type": "identify", "traits": "pro", **USER},
        {"type": "page", "name": 7, **USER},
        {"type": "clock"},
    ],
)
def test_source_records_are_judged_alike_by_schema_and_worker(record: object) -> None:
    """What the schema accepts is an event or a clock mark; what it refuses, a dead letter."""
    try:
        decode(orjson.dumps(record), NOW, LIMITS)
    except RejectedEvent:
        accepted = False
    else:
        accepted = True
    assert validator("event").is_valid(record) is accepted


def test_the_schema_knows_every_kind_of_event() -> None:
    """A new kind in decode.py is a new kind in the schema."""
    definitions = orjson.loads(schema_files()["event.schema.json"])["$defs"]
    assert set(definitions["event"]["properties"]["type"]["enum"]) == KINDS
    assert definitions["clock_mark"]["properties"]["type"]["const"] == CLOCK_KIND


@pytest.mark.parametrize("file", [*TEMPLATES, *AUDIENCES], ids=lambda file: str(file.name))
def test_examples_follow_the_schema_of_definitions(file: Path) -> None:
    """An editor that knows the schema finds nothing wrong with the examples."""
    checked = validator("definition")
    for document in YAML(typ="safe").load_all(file):
        checked.validate(document)


def test_the_template_follows_the_schema_of_projects() -> None:
    """An editor that knows the schema finds nothing wrong with what init writes."""
    document = YAML(typ="safe").load(TEMPLATE)
    # To JSON, as which YAML's dates are text.
    validator("project").validate(orjson.loads(orjson.dumps(document)))


def test_the_schema_names_every_reason_to_leave() -> None:
    """Whoever reads messages finds all the reasons that there are."""
    context = record_schemas()["message.schema.json"]["$defs"]["context"]
    reason = context["properties"]["exit"]["properties"]["reason"]
    assert tuple(reason["examples"]) == EXIT_REASONS
