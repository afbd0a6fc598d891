"""What is an event, and what is refused with which code."""

from __future__ import annotations

import re
from dataclasses import replace
from inspect import getsource
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from journeystream.agents import decode as decoding
from journeystream.agents import fields
from journeystream.agents.decode import DecodeLimits, clock_mark, decode
from journeystream.durations import parse_instant
from journeystream.errors import RejectedEvent
from journeystream.events import Answered, ClockMark, Erased, Event
from tests.agents.written_events import LIVE, NOW, OLDEST, event, refusal, written
from tests.strategies import json_values

REPLAY = replace(LIVE, replay=True)
MODES = {"L": LIVE, "R": REPLAY, "A": replace(LIVE, replies=True)}
MARK: dict[str, object] = {"type": "clock", "timestamp": "2024-02-01T00:00:00Z", "origin": "web/3"}

# No deadline: on a shared machine one slow example says nothing.
anything = settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# ── what is refused ──────────────────────────────────────────────────────────────────────

MARCH = "2024-03-01T00:00:00Z"
REFUSED: dict[str, tuple[bytes | None, str]] = {
    "no value": (None, "empty"),
    "no bytes": (b"", "empty"),
    "a byte more than the limit": (written(event="x").ljust(1_001), "too_large"),
    "not UTF-8": (b'{"type": "track", "event": "\xff"}', "not_json"),
    "half an object": (b'{"type": "track"', "not_json"),
    "a number that is none": (b'{"type": NaN}', "not_json"),
    "half a surrogate": (b'{"userId": "\\ud800"}', "not_json"),
    "a list": (b"[]", "not_an_object"),
    "a text": (b'"track"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "no type": (written(type=...), "unknown_type"),
    "type null": (written(type=None), "unknown_type"),
    "another type": (written(type="purchase"), "unknown_type"),
    "a type that is a number": (written(type=1), "unknown_type"),
    "a clock mark in live time": (orjson.dumps(MARK), "unknown_type"),
    "no user": (written(userId=...), "no_user"),
    "users null": (written(userId=None, anonymousId=None), "no_user"),
    "users empty": (written(userId="", anonymousId=""), "no_user"),
    "a user of 513 characters": (written(userId="x" * 513), "bad_user"),
    "an anonymous one as long": (written(userId=..., anonymousId="x" * 513), "bad_user"),
    "a user with a NUL": (written(userId="a\0b"), "bad_user"),
    "a user that is a number": (written(userId=7), "wrong_type"),
    "an anonymous user that is a list": (written(userId=None, anonymousId=["a"]), "wrong_type"),
    "no event name": (written(event=...), "no_event_name"),
    "event name null": (written(event=None), "no_event_name"),
    "event name empty": (written(event=""), "no_event_name"),
    "a page name that is an object": (written(type="page", name={}), "wrong_type"),
    "65 levels": (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
    "properties that are a list": (written(properties=[]), "wrong_type"),
    "properties that are a long text": (written(properties="x" * 900), "wrong_type"),
    "traits that are a text": (written(type="identify", traits="pro"), "wrong_type"),
    "a context that is false": (written(context=False), "wrong_type"),
    "a messageId that is a number": (written(messageId=1), "wrong_type"),
    "a time that is a number": (written(timestamp=1_700_000_000), "bad_time"),
    "a time that is empty": (written(timestamp=""), "bad_time"),
    "a time in words": (written(timestamp="yesterday"), "bad_time"),
    "a 30th of February": (written(timestamp="2024-02-30T00:00:00Z"), "bad_time"),
    "a sentAt in words": (written(timestamp=MARCH, sentAt="now", receivedAt=MARCH), "bad_time"),
    "a receivedAt of 1": (written(timestamp=MARCH, sentAt=MARCH, receivedAt=1), "bad_time"),
    "a time in 2999": (written(timestamp="2999-01-01T00:00:00Z"), "time_in_future"),
    "a time in 1970": (written(timestamp="1970-01-01T00:00:00Z"), "time_too_old"),
    "the first instant of all": (written(timestamp="0001-01-01T00:00:00+14:00"), "time_too_old"),
    "the last instant of all": (written(timestamp="9999-12-31T23:59:59-14:00"), "time_in_future"),
}


@pytest.mark.parametrize(("value", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_event_is_refused_with_its_code(value: bytes | None, code: str) -> None:
    """Each way to be no event has a stable code and a short text."""
    assert refusal(value) == code


def test_every_code_is_shown_above() -> None:
    """No code is without an example here."""
    sources = getsource(decoding) + getsource(fields)
    codes = set(re.findall(r'RejectedEvent\(\s*"([a-z_]+)"', sources))
    assert codes == {code for _, code in REFUSED.values()} | {"bad_record_time"}


@pytest.mark.parametrize("record_time", [-1_000, 1 << 62])
def test_a_record_without_a_time_of_this_world_is_refused(record_time: int) -> None:
    """A record's time bounds its event's; without one nothing would."""
    with pytest.raises(RejectedEvent, match="bad_record_time"):
        decode(written(), record_time, LIVE)


def test_what_just_fits_is_an_event() -> None:
    """A limit is what is still allowed: of bytes and of an id's characters."""
    assert event(written(event="x").ljust(1_000)).name == "x"
    assert event(written(userId="é" * 400)).user_id == "é" * 400
    longest = replace(LIVE, message_bytes=10_000)
    assert event(written(userId="用" * 512), longest).user_id == "用" * 512


# ── what an event is ─────────────────────────────────────────────────────────────────────


def test_a_track_call_is_taken_as_it_is() -> None:
    """An event has its user, name, time, properties, context and messageId, and nothing else."""
    properties = {"total": 1.5, "items": [{"id": None}], "paid": True}
    value = written(
        properties=properties,
        context={"ip": "127.0.0.1"},
        messageId="m1",
        timestamp="2024-03-01T11:00:00.123456Z",
        traits={"not": "asked for"},
        name="not asked for",
        anonymousId="a1",
        unheard_of=[],
    )
    at = parse_instant("2024-03-01T11:00:00.123456Z")
    context = {"ip": "127.0.0.1"}
    assert decode(value, NOW, LIVE) == Event(
        "u1", "track", "Order", at, properties, context, "m1", anonymous=False
    )


def test_what_is_null_is_what_is_left_out() -> None:
    """Null properties, context, messageId and time are none."""
    absent = written(properties=None, context=None, messageId=None, timestamp=None)
    assert decode(absent, NOW, LIVE) == event(written()) == Event("u1", "track", "Order", NOW)


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_pages_and_screens_are_named_by_name(kind: str) -> None:
    """A page or screen has `name` and properties, and may have no name."""
    seen = event(written(type=kind, name="Home", properties={"n": 1}, traits={"n": 2}))
    assert (seen.kind, seen.name, seen.properties) == (kind, "Home", {"n": 1})
    assert event(written(type=kind, event="no page name")).name == ""


@pytest.mark.parametrize("kind", ["identify", "group", "alias"])
def test_calls_about_a_user_carry_traits(kind: str) -> None:
    """An identify, group or alias call has no name, and its traits are what it says."""
    told = event(written(type=kind, name="x", traits={"plan": "pro"}, properties={"n": 1}))
    assert (told.kind, told.name, told.properties) == (kind, "", {"plan": "pro"})


def test_a_delete_call_erases_its_user() -> None:
    """It has a user and a time, and all else that it says is passed over."""
    at = parse_instant("2024-03-01T11:00:00Z")
    value = written(type="delete", timestamp="2024-03-01T11:00:00Z", messageId="m", context=[])
    assert decode(value, NOW, LIVE) == Erased("u1", at)
    assert decode(written(type="delete", userId=..., anonymousId="a1"), NOW, LIVE) == Erased(
        "a1", NOW
    )


def test_an_alias_and_an_identify_with_both_ids_say_who_it_was() -> None:
    """Other calls do not, nor those of who has no user id, nor one that names the same id twice."""
    both = {"userId": "u1", "anonymousId": "a1", "previousId": "a2"}
    kinds = {"identify": "a1", "alias": "a2", "group": "", "track": "", "page": ""}
    for kind, previous in kinds.items():
        assert event(written(**{**both, "type": kind})).previous == previous
    for kind in kinds:
        assert not event(written(**{**both, "type": kind, "userId": None})).previous
        same = dict.fromkeys(both, "u1")
        assert not event(written(**{**same, "type": kind})).previous


@pytest.mark.parametrize(("kind", "field"), [("identify", "anonymousId"), ("alias", "previousId")])
def test_an_id_that_can_be_none_is_refused(kind: str, field: str) -> None:
    """A claim on nobody is no event."""
    assert refusal(written(type=kind, **{field: "x" * 513})) == "bad_user"
    assert refusal(written(type=kind, **{field: 7})) == "wrong_type"


def test_the_anonymous_id_names_who_has_no_user_id() -> None:
    """`userId` wins, also beside an anonymousId; an empty or null one is none."""
    assert not event(written(anonymousId="a1")).anonymous
    for absent in (..., None, ""):
        nameless = event(written(userId=absent, anonymousId="a1"))
        assert (nameless.user_id, nameless.anonymous) == ("a1", True)


# ── clock marks ──────────────────────────────────────────────────────────────────────────


def test_a_clock_mark_counts_only_in_a_replay() -> None:
    """A mark carries its instant and its origin; live time knows none."""
    at = parse_instant("2024-02-01T00:00:00Z")
    assert decode(orjson.dumps(MARK), NOW, REPLAY) == ClockMark(at, "web/3")
    assert refusal(orjson.dumps(MARK), LIVE) == "unknown_type"


def test_a_replay_takes_events_too() -> None:
    """Outside its marks a replay takes what live time takes."""
    assert decode(written(), NOW, REPLAY) == decode(written(), NOW, LIVE)
    assert refusal(written(type="purchase"), REPLAY) == "unknown_type"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timestamp": None}, "bad_time"),
        ({"timestamp": 17}, "bad_time"),
        ({"timestamp": "soon"}, "bad_time"),
        ({"origin": 3}, "wrong_type"),
    ],
)
def test_a_mark_must_say_when(changes: dict[str, object], code: str) -> None:
    """A mark without a time marks nothing: the record's time is not guessed to be meant."""
    assert refusal(orjson.dumps({**MARK, **changes}), REPLAY) == code


@given(st.integers(OLDEST // 1_000, NOW // 1_000), st.text(max_size=9))
def test_marks_are_read_as_written(millis: int, origin: str) -> None:
    """What `clock_mark` writes is read as the same mark; no origin is an empty one."""
    at = millis * 1_000
    assert decode(clock_mark(at, origin), NOW, REPLAY) == ClockMark(at, origin)
    nameless = orjson.dumps({**orjson.loads(clock_mark(at)), "origin": None})
    assert decode(nameless, NOW, REPLAY) == ClockMark(at) == ClockMark(at, "")


# ── whatever comes ───────────────────────────────────────────────────────────────────────


def _messages() -> st.SearchStrategy[dict[str, Any]]:
    """Draw JSON objects whose fields are often what they should be, and as often not."""
    texts = st.sampled_from(("", "u1", "a\0", "x" * 513, "track")) | st.text(max_size=9)
    moments = st.sampled_from(
        ("2024-03-01T11:00:00Z", "2024-03-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59")
    ) | st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat())
    values: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(("track", "identify", "page", "clock", "group")),
        **dict.fromkeys(("event", "name", "userId", "anonymousId", "messageId", "origin"), texts),
        "requestId": texts,
        "offers": st.lists(st.dictionaries(texts, json_values(), max_size=2), max_size=2),
        **dict.fromkeys(("timestamp", "sentAt", "receivedAt", "originalTimestamp"), moments),
        **dict.fromkeys(
            ("properties", "traits", "context"),
            st.dictionaries(st.text(max_size=4), json_values(), max_size=3),
        ),
    }
    odd = {name: st.one_of(strategy, json_values()) for name, strategy in values.items()}
    kind = {"type": values.pop("type")}
    return st.fixed_dictionaries(kind, optional=values) | st.fixed_dictionaries({}, optional=odd)


def _keeps_the_law(value: bytes, limits: DecodeLimits) -> None:
    try:
        found = decode(value, NOW, limits)
    except RejectedEvent:
        return
    if isinstance(found, ClockMark):
        assert limits.replay
        return
    assert isinstance(found, Answered if limits.replies else Event | Erased)
    assert OLDEST <= found.at <= NOW
    assert 0 < len(found.user_id) <= 512
    assert "\0" not in found.user_id
    assert not isinstance(found, Event) or found.name or found.kind != "track"


@anything
@given(st.binary(max_size=1_100) | st.text(max_size=99).map(str.encode), st.sampled_from("LRA"))
def test_any_bytes_are_an_event_a_mark_or_refused(value: bytes, mode: str) -> None:
    """Whatever bytes come, nothing but RejectedEvent is raised."""
    _keeps_the_law(value, MODES[mode])


@anything
@given(_messages(), st.sampled_from("LRA"))
@example({"type": []}, "L")
@example({"type": {"track": 1}}, "R")
def test_any_object_is_an_event_a_mark_or_refused(message: dict[str, Any], mode: str) -> None:
    """Whatever stands in which field, nothing but RejectedEvent is raised."""
    _keeps_the_law(orjson.dumps(message), MODES[mode])


def test_deep_nesting_is_refused() -> None:
    """A name that is a list is refused, however deep: also where JSON's reader takes it."""
    for depth in (1, 200, 900, 960, 1_000, 1_020, 1_030):
        deep = b'{"type": "track", "userId": "u1", "event": ' + b"[" * depth + b"]" * depth + b"}"
        assert refusal(deep, replace(LIVE, message_bytes=1 << 20)) in (
            "wrong_type",
            "not_json",
            "too_deep",
        )


def test_what_is_decoded_can_be_written() -> None:
    """Properties and traits of an event can be written again: state and outputs hold them."""
    deep = b'{"type": "identify", "userId": "u1", "traits": '
    deep += b'{"a":' * 300 + b"1" + b"}" * 301
    try:
        found = decode(deep, NOW, replace(LIVE, message_bytes=1 << 20))
    except RejectedEvent:
        return
    assert isinstance(found, Event)
    assert orjson.dumps(found.properties)
