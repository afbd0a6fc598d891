"""The exact bytes of the travel log."""

from __future__ import annotations

from dataclasses import replace

import orjson

from journeystream.durations import MICROS
from journeystream.effects import Assigned, Reached, Travelled
from journeystream.sinks.routing import Routing
from tests.sinks.test_sinks import one_line
from tests.strategies import START

STAGE = Travelled(
    user_id="u1",
    at=START + 123_456,
    journey_id="cart",
    journey_name="Cart",
    journey_version=2,
    instance="0123456789abcdef",
    stage_id="remind",
    stage_name="Reminder",
    stage_type="send_to_destinations",
    parent_id="split",
    parent_name="Split",
    test_group_name="half",
    is_control=True,
)
ROW = """
{"entry_at":"2024-03-01T00:00:00.123Z","event_id":"u1","exit_segments":"","is_control":true,
"is_remaining":false,"journey_id":"cart","journey_name":"Cart","journey_version":"2","mxs_ids":"",
"parent_id":"split","parent_name":"Split","split_condition_name":"","stage_id":"remind",
"stage_name":"Reminder","stage_type":"send_to_destinations","test_group_name":"half"}
"""


def test_a_stage_is_these_bytes() -> None:
    """A stage has its sixteen fields and no other."""
    routing = Routing([], travel_log="out.travels")
    [record] = routing.records([], [STAGE])
    assert (record.topic, record.key, record.value) == ("out.travels", b"u1", one_line(ROW))
    assert len(orjson.loads(one_line(ROW))) == 16
    assert routing.travels
    assert not Routing([]).travels


def test_goals_and_paths_are_these_bytes() -> None:
    """A goal and a path have fields of their own, and the headers say what they are of."""
    instance = "0123456789abcdef"
    path = Assigned("u1", START, "cart", 2, instance, START, "test", "half", is_control=True)
    goal = Reached("u1", START + MICROS, "cart", 2, instance, "test.bought", START, "test", "half")
    records = list(Routing([], travel_log="out.travels").records([], [path, goal]))
    assert [record.value for record in records] == [
        (
            b'{"assigned_at":"2024-03-01T00:00:00.000Z","event_id":"u1","journey_id":"cart",'
            b'"journey_version":"2","split_id":"test","test_group_name":"half","is_control":true}'
        ),
        (
            b'{"reached_at":"2024-03-01T00:00:01.000Z","goal_id":"test.bought","event_id":"u1",'
            b'"journey_id":"cart","journey_version":"2","split_id":"test","test_group_name":"half",'
            b'"is_control":false}'
        ),
    ]
    for record, kind in zip(records, (b"path", b"goal"), strict=True):
        headers = dict(record.headers)
        assert len(headers.pop("messageId")) == 32
        assert headers == {
            "kind": kind,
            "instance": instance.encode(),
            "instanceEnteredAt": b"2024-03-01T00:00:00.000Z",
        }


def test_stages_are_told_apart_by_their_headers() -> None:
    """The same stage again has the same message id; another time or way has another."""
    routing = Routing([], travel_log="out.travels")
    others = [replace(STAGE, at=START), replace(STAGE, test_group_name="other")]
    ids = [record.headers[0] for record in routing.records([], [STAGE, STAGE, *others])]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
