"""The exact bytes that destinations and the dead-letter topic get."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.durations import iso
from journeystream.effects import (
    DecisionRequest,
    ProfileChange,
    StepMembership,
)
from journeystream.errors import OperatorError
from journeystream.project import Decisions, EventDestination, ListDestination
from journeystream.sinks.dead_letters import Origin, dead_letter
from journeystream.sinks.event_destination import EventSink
from journeystream.sinks.list_destination import ListSink
from journeystream.sinks.records import OutRecord
from journeystream.sinks.routing import Routing
from tests.strategies import START, json_values

ENTERED = StepMembership(
    change="entered",
    user_id="u1",
    anonymous=False,
    at=START + 123_456,
    destination="email",
    journey="cart",
    version=2,
    instance="0123456789abcdef",
    step="remind",
    key="j_o_cart__remind_abc123",
    visit=1,
    attributes={"plan": "pro", "total": 9.5},
)
EXITED = replace(ENTERED, change="exited", reason="exit_condition", detail="ordered")
ID_IN, ID_OUT = "65348ae10c1ab8a803d65ceeab045488", "9af7a42f9d6a35ffd7aba2554a74477d"


def one_line(text: str) -> bytes:
    """Return JSON that is written over several lines here as the bytes of one line."""
    return "".join(line.strip() for line in text.splitlines()).encode()


TRACK_IN = """
{"type":"track","event":"Audience Entered","userId":"u1",
"messageId":"65348ae10c1ab8a803d65ceeab045488",
"timestamp":"2024-03-01T00:00:00.123Z",
"properties":{"plan":"pro","total":9.5,"j_o_cart__remind_abc123":"true"},
"context":{"journey":{"id":"cart","version":2,"instance":"0123456789abcdef","step":"remind"}}}
"""
TRACK_OUT = """
{"type":"track","event":"Audience Exited","userId":"u1",
"messageId":"9af7a42f9d6a35ffd7aba2554a74477d",
"timestamp":"2024-03-01T00:00:00.123Z",
"properties":{"plan":"pro","total":9.5,"j_o_cart__remind_abc123":"false"},
"context":{"journey":{"id":"cart","version":2,"instance":"0123456789abcdef","step":"remind"},
"exit":{"reason":"exit_condition","detail":"ordered"}}}
"""
IDENTIFY_IN = """
{"type":"identify","userId":"u1",
"messageId":"65348ae10c1ab8a803d65ceeab045488",
"timestamp":"2024-03-01T00:00:00.123Z",
"traits":{"plan":"pro","total":9.5,"j_o_cart__remind_abc123":"true"},
"context":{"journey":{"id":"cart","version":2,"instance":"0123456789abcdef","step":"remind"}}}
"""
IDENTIFY_OUT = """
{"type":"identify","userId":"u1",
"messageId":"9af7a42f9d6a35ffd7aba2554a74477d",
"timestamp":"2024-03-01T00:00:00.123Z",
"traits":{"plan":"pro","total":9.5,"j_o_cart__remind_abc123":"false"},
"context":{"journey":{"id":"cart","version":2,"instance":"0123456789abcdef","step":"remind"},
"exit":{"reason":"exit_condition","detail":"ordered"}}}
"""
MEMBER = """
{"list":"j_o_cart__remind_abc123","userId":"u1",
"messageId":"65348ae10c1ab8a803d65ceeab045488",
"timestamp":"2024-03-01T00:00:00.123Z",
"attributes":{"plan":"pro","total":9.5},
"context":{"journey":{"id":"cart","version":2,"instance":"0123456789abcdef","step":"remind"}}}
"""


def effects() -> st.SearchStrategy[StepMembership]:
    """Draw effects with any attributes, users, reasons and instants."""
    return st.builds(
        replace,
        st.sampled_from((ENTERED, EXITED)),
        user_id=st.text(min_size=1, max_size=9),
        anonymous=st.booleans(),
        at=st.integers(0, START),
        attributes=st.dictionaries(st.text(max_size=4), json_values(), max_size=3),
        detail=st.none() | st.text(max_size=9),
        first_or_last=st.booleans(),
    )


# ── event destinations ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("effect", "expected"), [(ENTERED, TRACK_IN), (EXITED, TRACK_OUT)])
def test_a_track_destination_gets_these_bytes(effect: StepMembership, expected: str) -> None:
    """Entered and Exited are track calls, keyed by user, with key, attributes, place and reason."""
    sink = EventSink("out", "track")
    assert sink.records(effect) == [OutRecord("out", b"u1", one_line(expected))]


@pytest.mark.parametrize(("effect", "expected"), [(ENTERED, IDENTIFY_IN), (EXITED, IDENTIFY_OUT)])
def test_an_identify_destination_gets_these_bytes(effect: StepMembership, expected: str) -> None:
    """Where identify calls are asked for, the key is a trait, and there is no event name."""
    sink = EventSink("out", "identify")
    assert sink.records(effect) == [OutRecord("out", b"u1", one_line(expected))]


@given(effects(), st.sampled_from(("track", "identify")))
def test_whoever_is_anonymous_stays_so(effect: StepMembership, call: str) -> None:
    """A message names its user in the field that the user came by, and in no other."""
    sink = EventSink("out", "track" if call == "track" else "identify")
    for record in (*sink.records(effect), *ListSink("out").records(effect)):
        if record.value is not None:
            message = orjson.loads(record.value)
            ids = {name: message[name] for name in ("userId", "anonymousId") if name in message}
            assert ids == {"anonymousId" if effect.anonymous else "userId": effect.user_id}


def test_every_visit_is_told() -> None:
    """An event destination sees each arrival and leave, a list only the first and the last."""
    between = replace(ENTERED, first_or_last=False)
    assert len(EventSink("out", "track").records(between)) == 1


def test_an_attribute_can_not_hide_the_key() -> None:
    """Where a mapping uses the step's key as a name, the truth wins."""
    clash = replace(ENTERED, attributes={ENTERED.key: "hidden"})
    [record] = EventSink("out", "track").records(clash)
    assert orjson.loads(record.value or b"")["properties"] == {ENTERED.key: "true"}


def test_an_exit_without_detail_says_null() -> None:
    """The reason is always there on exit; what is behind it only where there is something."""
    [record] = EventSink("out", "track").records(replace(EXITED, reason="archived", detail=None))
    context = orjson.loads(record.value or b"")["context"]
    assert context["exit"] == {"reason": "archived", "detail": None}


# ── list destinations ────────────────────────────────────────────────────────────────────


def test_a_list_gets_a_member() -> None:
    """An arrival is a record under LIST/USER that holds who, since when, and why."""
    assert ListSink("members").records(ENTERED) == [
        OutRecord(
            "members",
            b"j_o_cart__remind_abc123/u1",
            one_line(MEMBER),
            headers=[("messageId", ID_IN.encode())],
        )
    ]


def test_a_list_loses_a_member() -> None:
    """A leave is a tombstone under the same key; its headers say why."""
    assert ListSink("members").records(EXITED) == [
        OutRecord(
            "members",
            b"j_o_cart__remind_abc123/u1",
            None,
            headers=[("messageId", ID_OUT.encode()), ("reason", b"exit_condition")],
        )
    ]


@pytest.mark.parametrize("effect", [ENTERED, EXITED])
def test_a_list_does_not_see_what_lies_between(effect: StepMembership) -> None:
    """Who is on the list already, or stays on it, is no change of the list."""
    assert ListSink("members").records(replace(effect, first_or_last=False)) == []


@given(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9))
def test_two_users_are_two_members(one: str, other: str) -> None:
    """A member's key leads back to list and user, also where an id has slashes."""
    keys = [
        record.key or b""
        for user in (one, other)
        for record in ListSink("members").records(replace(ENTERED, user_id=user))
    ]
    assert [key.decode().partition("/")[::2] for key in keys] == [
        (ENTERED.key, one),
        (ENTERED.key, other),
    ]


# ── dead letters ─────────────────────────────────────────────────────────────────────────

ORIGIN = Origin("web", 3, 42, START // 1_000)


def test_a_dead_letter_is_these_bytes() -> None:
    """A dead letter says why, where from, and what came, under the record's own key."""
    letter = dead_letter("dead", ORIGIN, b"u1", b'{"type":', code="not_json", text="no end")
    assert letter == OutRecord(
        "dead",
        b"u1",
        b'{"error":{"code":"not_json","text":"no end"},"origin":{"topic":"web","partition":3,'
        b'"offset":42,"timestamp":"2024-03-01T00:00:00.000Z"},"key":"dTE=",'
        b'"value":"eyJ0eXBlIjo=","preview":"{\\"type\\":"}',
    )


@given(st.none() | st.binary(max_size=300), st.none() | st.binary(max_size=9))
def test_a_dead_letter_keeps_the_raw_bytes(value: bytes | None, key: bytes | None) -> None:
    """From a dead letter the record can be produced again, byte by byte; null stays null."""
    letter = dead_letter("dead", ORIGIN, key, value, code="not_json", text="why")
    assert letter.key == key
    told = orjson.loads(letter.value or b"")
    kept = [None if told[name] is None else b64decode(told[name]) for name in ("key", "value")]
    assert kept == [key, value]
    assert len(told["preview"]) <= 200


# ── routing ──────────────────────────────────────────────────────────────────────────────

ROUTING = Routing(
    [
        EventDestination(name="email", topic="out.email", type="event"),
        EventDestination(name="crm", topic="out.crm", type="event", call="identify"),
        ListDestination(name="ads", topic="out.ads", type="list"),
    ]
)


def test_effects_leave_by_their_destinations() -> None:
    """Each effect goes to the topic and in the form of its destination, in order."""
    told = [replace(ENTERED, destination=name) for name in ("ads", "email", "crm", "email")]
    records = list(ROUTING.records(told))
    assert [record.topic for record in records] == ["out.ads", "out.email", "out.crm", "out.email"]
    calls = [orjson.loads(record.value or b"").get("type") for record in records]
    assert calls == [None, "track", "identify", "track"]


CHANGED = ProfileChange(
    user_id="u1",
    anonymous=False,
    at=START + 123_456,
    journey="cart",
    version=2,
    instance="0123456789abcdef",
    step="platinum",
    visit=1,
    traits={"status": "platinum", "trial": None},
    audiences={"vip": True},
)


def test_a_profile_change_is_these_bytes() -> None:
    """What a step changed leaves as an identify call, in a topic of its own."""
    [record] = Routing([], "out.profiles").records([CHANGED])
    assert record == OutRecord(
        "out.profiles",
        b"u1",
        b'{"type":"identify","userId":"u1","messageId":"64fe808a8298bbab439788eec9b4afe8",'
        b'"timestamp":"2024-03-01T00:00:00.123Z",'
        b'"traits":{"vip":true,"status":"platinum","trial":null},'
        b'"context":{"journey":{"id":"cart","version":2,"instance":"0123456789abcdef",'
        b'"step":"platinum"}}}',
    )
    assert list(Routing([]).records([CHANGED])) == []


ASKED = DecisionRequest(
    user_id="u1",
    anonymous=False,
    at=START + 123_456,
    journey="loans",
    version=2,
    instance="0123456789abcdef",
    step="ask",
    visit=1,
    flow="df_loans",
    most=3,
    attributes={"income": 4200},
)


def test_a_decision_request_is_these_bytes() -> None:
    """A service is told what is asked, by whom, with what, and where the answer is to go."""
    routing = Routing([], decisions=Decisions(requests="out.asked", replies="in.answered"))
    [record] = routing.records([ASKED])
    assert record == OutRecord(
        "out.asked",
        b"u1",
        b'{"type":"decision_request","requestId":"%b","userId":"u1",'
        b'"flow":"df_loans","maxOffers":3,"attributes":{"income":4200},"replyTo":"in.answered",'
        b'"timestamp":"2024-03-01T00:00:00.123Z",'
        b'"context":{"journey":{"id":"loans","version":2,"instance":"0123456789abcdef",'
        b'"step":"ask"}}}' % ASKED.message_id.encode(),
    )
    [record] = routing.records([replace(ASKED, user_id="a1", anonymous=True)])
    asker = orjson.loads(record.value or b"")
    assert (record.key, asker["anonymousId"], "userId" in asker) == (b"a1", "a1", False)


def test_a_request_that_nobody_takes_stops_with_what_to_do() -> None:
    """Where the project names no topic any more, a question is not dropped in silence."""
    with pytest.raises(OperatorError) as stopped:
        list(Routing([]).records([ASKED]))
    for word in ("'u1'", "'ask'", "'loans'", "'df_loans'", "journeystream.yaml", "put them back"):
        assert word in str(stopped.value)


def test_an_unknown_destination_stops_with_what_to_do() -> None:
    """Where a destination was taken out of the project, an owed Exited is not thrown away."""
    orphan = replace(EXITED, destination="fax")
    with pytest.raises(OperatorError) as stopped:
        list(ROUTING.records([ENTERED, orphan]))
    text = str(stopped.value)
    for word in (
        "'u1'",
        "exited",
        "'remind'",
        "'cart'",
        "'fax'",
        "journeystream.yaml",
        "put it back",
    ):
        assert word in text


@given(effects(), st.sampled_from(("email", "crm", "ads")))
def test_equal_effects_make_equal_bytes(effect: StepMembership, destination: str) -> None:
    """Whoever computes an effect again, after a crash, writes the same records."""
    first = replace(effect, destination=destination)
    again = replace(first, attributes=dict(first.attributes))
    assert list(ROUTING.records([first])) == list(ROUTING.records([again]))
    for record in ROUTING.records([first]):
        if record.value is not None:
            message = orjson.loads(record.value)
            assert (message["messageId"], message["timestamp"]) == (first.message_id, iso(first.at))
