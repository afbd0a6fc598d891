"""Rows of the travel log: what is written is read back; what is none is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.effects import Travel
from journeystream.sinks.travel_log import TravelSink, read_row
from journeystream.travel_rows import check, columns, row_of, travel_of
from tests.strategies.travels import travels

STAGE = (
    b'{"entry_at":"2024-03-01T00:00:00.000Z","event_id":"u1","exit_segments":"",'
    b'"is_control":false,"is_remaining":false,"journey_id":"j","journey_name":"J",'
    b'"journey_version":"1","mxs_ids":"","parent_id":"","parent_name":"",'
    b'"split_condition_name":"","stage_id":"start","stage_name":"start","stage_type":"start",'
    b'"test_group_name":""}'
)
Headers = list[tuple[str, bytes]]


@given(travels())
def test_a_row_is_read_back(told: Travel) -> None:
    """From a row and from its record comes what was told."""
    kind, row = row_of(told)
    assert set(row) == set(columns(kind))
    assert travel_of(kind, row) == told
    record = TravelSink("log").record(told)
    assert read_row(record.value, record.headers) == (kind, row)


def test_a_log_from_before_is_stages_of_unknown_instances() -> None:
    """A record without the headers of today is a stage, and nothing is made up for it."""
    kind, row = read_row(STAGE, [("messageId", b"1f")])
    assert kind == "stage"
    beside = row["message_id"], row["instance_id"], row["instance_entered_at"]
    assert beside == ("1f", "", None)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (None, []),
        (b"", []),
        (b"[]", []),
        (b"{}", []),
        (b"no json", []),
        (STAGE, [("kind", b"other")]),
        (STAGE, [("kind", b"goal")]),
        (STAGE, [("kind", b"\xff")]),
        (STAGE.replace(b"false", b"0"), []),
        (STAGE.replace(b'"j"', b"null"), []),
    ],
)
def test_what_is_no_row_is_refused(value: bytes | None, headers: Headers) -> None:
    """Another's record in the topic is no row."""
    with pytest.raises(ValueError):  # noqa: PT011 -- what is wrong differs
        read_row(value, headers)


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=3)


@given(travels(), st.data())
def test_a_row_with_something_else_in_it_is_refused_or_read(told: Travel, data: Any) -> None:  # noqa: ANN401
    """Whatever stands in a column, it is a ValueError or can be measured."""
    kind, row = row_of(told)
    row[data.draw(st.sampled_from(sorted(row)))] = data.draw(ODD)
    try:
        check(kind, row)
    except ValueError:
        return
    assert row_of(travel_of(kind, row))[0] == kind
