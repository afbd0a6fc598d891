"""When an event happened: its own time, corrected, and within the bounds of its record's."""

from __future__ import annotations

import pytest

from journeystream.durations import parse_instant
from tests.agents.written_events import NOW, event, refusal, written

TIMES: dict[str, tuple[dict[str, object], str]] = {
    "its own": ({"timestamp": "2024-03-01T10:00:00Z"}, "2024-03-01T10:00:00Z"),
    "to the microsecond": (
        {"timestamp": "2024-03-01T10:00:00.999999Z"},
        "2024-03-01T10:00:00.999999Z",
    ),
    "with an offset": ({"timestamp": "2024-03-01T10:00:00+02:00"}, "2024-03-01T08:00:00Z"),
    "without an offset it is UTC": ({"timestamp": "2024-03-01T10:00:00"}, "2024-03-01T10:00:00Z"),
    "a date is its first instant": ({"timestamp": "2024-03-01"}, "2024-03-01T00:00:00Z"),
    "none is the record's": ({"timestamp": ...}, "2024-03-01T12:00:00Z"),
    "null is the record's": ({"timestamp": None}, "2024-03-01T12:00:00Z"),
    "a little after the record's is cut": (
        {"timestamp": "2024-03-01T12:00:00.000001Z"},
        "2024-03-01T12:00:00Z",
    ),
    "after by all the skew is cut": (
        {"timestamp": "2024-03-02T12:00:00Z"},
        "2024-03-01T12:00:00Z",
    ),
    "the oldest is taken": ({"timestamp": "1980-01-01T00:00:00Z"}, "1980-01-01T00:00:00Z"),
    "before 1980 in UTC, after it at home": (
        {"timestamp": "1979-12-31T23:00:00-01:00"},
        "1980-01-01T00:00:00Z",
    ),
    "a slow client's clock": (
        {
            "timestamp": "2024-03-01T09:00:00Z",
            "sentAt": "2024-03-01T09:05:00Z",
            "receivedAt": "2024-03-01T11:05:00Z",
        },
        "2024-03-01T11:00:00Z",
    ),
    "a fast client's clock": (
        {
            "timestamp": "2024-03-01T16:00:00Z",
            "sentAt": "2024-03-01T16:05:00Z",
            "receivedAt": "2024-03-01T11:05:00Z",
        },
        "2024-03-01T11:00:00Z",
    ),
    "a clock that was never set": (
        {
            "timestamp": "1970-01-01T00:00:10Z",
            "sentAt": "1970-01-01T00:01:10Z",
            "receivedAt": "2024-03-01T11:00:00Z",
        },
        "2024-03-01T10:59:00Z",
    ),
    "an originalTimestamp says that it was corrected": (
        {
            "timestamp": "2024-03-01T11:00:00Z",
            "originalTimestamp": "2024-03-01T09:00:00Z",
            "sentAt": "2024-03-01T09:05:00Z",
            "receivedAt": "2024-03-01T11:05:00Z",
        },
        "2024-03-01T11:00:00Z",
    ),
    "an originalTimestamp of null says nothing": (
        {
            "timestamp": "2024-03-01T09:00:00Z",
            "originalTimestamp": None,
            "sentAt": "2024-03-01T09:05:00Z",
            "receivedAt": "2024-03-01T11:05:00Z",
        },
        "2024-03-01T11:00:00Z",
    ),
    "sentAt alone corrects nothing": (
        {"timestamp": "2024-03-01T09:00:00Z", "sentAt": "2024-03-01T09:05:00Z"},
        "2024-03-01T09:00:00Z",
    ),
    "receivedAt alone corrects nothing": (
        {"timestamp": "2024-03-01T09:00:00Z", "sentAt": None, "receivedAt": "2024-03-01T11:05:00Z"},
        "2024-03-01T09:00:00Z",
    ),
}


@pytest.mark.parametrize(("fields", "expected"), TIMES.values(), ids=TIMES.keys())
def test_event_time(fields: dict[str, object], expected: str) -> None:
    """Event time is the event's own, corrected, and never after its record's."""
    assert event(written(**fields)).at == parse_instant(expected)


def test_a_microsecond_beyond_a_bound_is_refused() -> None:
    """The skew and the oldest instant are what is still allowed."""
    assert refusal(written(timestamp="2024-03-02T12:00:00.000001Z")) == "time_in_future"
    assert refusal(written(timestamp="1979-12-31T23:59:59.999999Z")) == "time_too_old"


def test_bounds_are_looked_at_after_the_correction() -> None:
    """A time that is bad only once its clock is corrected is refused."""
    sent, received = "2024-03-01T09:00:00Z", "2024-03-01T11:00:00Z"
    late = {"timestamp": "2024-03-02T11:00:00Z", "sentAt": sent, "receivedAt": received}
    assert refusal(written(**late)) == "time_in_future"
    early = {"timestamp": "1980-01-01T00:00:00Z", "sentAt": received, "receivedAt": sent}
    assert refusal(written(**early)) == "time_too_old"


@pytest.mark.parametrize("sent", ["2024-03-01T13:00:00Z", "1999-01-01T00:00:00Z"])
def test_the_records_time_is_not_corrected(sent: str) -> None:
    """Where an event has no time of its own, the client's clock has no part in it."""
    assert event(written(sentAt=sent, receivedAt="2024-03-01T12:00:00Z")).at == NOW
