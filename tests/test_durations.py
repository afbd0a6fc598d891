"""Durations as people write them, and what it means to move an instant by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from journeystream.durations import (
    MICROS,
    Duration,
    instant_of,
    iso,
    parse_duration,
    parse_instant,
)

# No deadline: on a shared machine one slow example says nothing.
laws = settings(deadline=None, max_examples=100)

SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
moments = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  bounds must be naive


@laws
@given(st.integers(1, 999), st.sampled_from(sorted(SECONDS)), st.booleans())
def test_exact_units_are_exact(amount: int, unit: str, plural: bool) -> None:  # noqa: FBT001  drawn
    """A number of seconds to weeks is just so many seconds, in singular and plural."""
    duration = parse_duration(f"{amount} {unit}{'s' if plural else ''}")
    assert duration == Duration(0, amount * SECONDS[unit] * MICROS)


@laws
@given(
    st.lists(
        st.tuples(st.integers(1, 99), st.sampled_from([*SECONDS, "month"])), min_size=1, max_size=4
    )
)
def test_terms_add_up(terms: list[tuple[int, str]]) -> None:
    """A duration of several terms is their sum, whatever their order."""
    text = " ".join(f"{amount} {unit}s" for amount, unit in terms)
    back = " ".join(f"{amount}{unit}" for amount, unit in reversed(terms))
    assert (
        parse_duration(text)
        == parse_duration(back)
        == Duration(
            sum(amount for amount, unit in terms if unit == "month"),
            sum(amount * SECONDS[unit] for amount, unit in terms if unit != "month") * MICROS,
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "day",
        "1",
        "1 d",
        "1 Day",
        "1 dayss",
        "one day",
        "1.5 days",
        "-1 day",
        "+1 day",
        "0 days",
        "0 days 0 months",
        "1 year",
        "1 day and 2 hours",
        "1 day,",
        "1 day 2",
        "٣ days",
        "1 day\x00",
        "9999999 days",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """What can not be read is refused, with the text and with what is allowed."""
    with pytest.raises(ValueError, match="is no duration") as refused:
        parse_duration(text)
    assert repr(text) in str(refused.value)


@laws
@given(st.text(max_size=12))
def test_reading_never_fails_otherwise(text: str) -> None:
    """Any text is a duration, or a ValueError that says how to write one."""
    try:
        duration = parse_duration(text)
    except ValueError as error:
        assert "is no duration" in str(error)  # noqa: PT017  most texts are none, few are one
    else:
        assert duration.months or duration.micros


@laws
@given(moments, st.integers(1, 10**9), st.sampled_from(ZONES))
def test_exact_spans_ignore_the_zone(moment: datetime, micros: int, zone: str) -> None:
    """A day is 24 hours, also where the clocks change."""
    instant = instant_of(moment)
    assert Duration(0, micros).after(instant, ZoneInfo(zone)) == instant + micros


@laws
@given(moments, st.integers(1, 36), st.sampled_from(ZONES))
def test_months_keep_the_day_and_the_time_of_day(moment: datetime, months: int, zone: str) -> None:
    """Months lead to the same day and time of day, or to the last day that the month has."""
    tz = ZoneInfo(zone)
    instant = instant_of(moment)
    local = moment.astimezone(tz)
    after = Duration(months, 0).after(instant, tz)
    later = datetime.fromtimestamp(after // MICROS, tz).replace(microsecond=after % MICROS)
    count = local.year * 12 + local.month - 1 + months
    assert after > instant
    assert later.year * 12 + later.month - 1 == count
    assert later.day == local.day or (
        later.day < local.day and (later + timedelta(days=1)).day == 1
    )
    wanted = local.replace(year=later.year, month=later.month, day=later.day, fold=0)
    exists = wanted.astimezone(UTC).astimezone(tz).replace(fold=0) == wanted
    if exists:
        assert later.time() == local.time()
    else:
        assert later - wanted <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "zone", "before", "after"),
    [
        ("1 month", "UTC", "2024-01-31T10:00:00", "2024-02-29T10:00:00"),
        ("1 month", "UTC", "2023-01-31T10:00:00", "2023-02-28T10:00:00"),
        ("13 months", "UTC", "2024-01-31T10:00:00", "2025-02-28T10:00:00"),
        ("1 month", "UTC", "2024-12-31T23:59:59.999999", "2025-01-31T23:59:59.999999"),
        ("1 month 1 day", "UTC", "2024-01-31T10:00:00", "2024-03-01T10:00:00"),
        # Summer begins: ten o'clock in Paris stays ten o'clock.
        ("1 month", "Europe/Paris", "2024-03-15T10:00:00+01:00", "2024-04-15T10:00:00+02:00"),
        ("30 days", "Europe/Paris", "2024-03-15T10:00:00+01:00", "2024-04-14T11:00:00+02:00"),
        # Half past two does not exist on the day summer begins; it is an hour later then.
        ("1 month", "Europe/Paris", "2024-02-29T02:30:00+01:00", "2024-03-29T02:30:00+01:00"),
        ("1 month", "Europe/Paris", "2025-02-28T02:30:00+01:00", "2025-03-28T02:30:00+01:00"),
        ("2 months", "Europe/Paris", "2024-01-31T02:30:00+01:00", "2024-03-31T03:30:00+02:00"),
        # Half past two exists twice when winter begins; the first one is meant.
        ("1 month", "Europe/Paris", "2024-09-27T02:30:00+02:00", "2024-10-27T02:30:00+02:00"),
        # The day in the zone counts, not the one in UTC.
        ("1 month", "Asia/Tokyo", "2024-01-31T20:00:00", "2024-02-29T20:00:00"),
        ("1 month", "Asia/Tokyo", "2024-01-30T20:00:00", "2024-02-28T20:00:00"),
    ],
)
def test_examples(text: str, zone: str, before: str, after: str) -> None:
    """Month ends, leap years and daylight saving, as a calendar on the wall has them."""
    moved = parse_duration(text).after(parse_instant(before), ZoneInfo(zone))
    assert iso(moved) == iso(parse_instant(after))


@pytest.mark.parametrize(
    "text", ["999999 months", "100000 months 1 day", "999999 weeks", "999999 weeks " * 20]
)
def test_what_is_accepted_can_be_added(text: str) -> None:
    """A duration that can not be added to today's date is refused when it is read, not later."""
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    iso(duration.after(parse_instant("2024-03-01"), UTC))


@laws
@given(st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Europe/Paris")])))
@example(datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC))
def test_an_instant_is_exact(moment: datetime) -> None:
    """An instant is the whole number of microseconds since 1970, for every datetime."""
    assume(datetime(2, 1, 1, tzinfo=UTC) < moment < datetime(9999, 12, 31, tzinfo=UTC))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert instant_of(moment) == (moment - epoch) // timedelta(microseconds=1)


@laws
@given(moments)
def test_times_are_written_and_read(moment: datetime) -> None:
    """What is written is read again, to the millisecond, which is cut and not rounded."""
    instant = instant_of(moment)
    assert parse_instant(iso(instant)) == instant // 1_000 * 1_000
    assert parse_instant(moment.isoformat()) == instant
    assert parse_instant(moment.replace(tzinfo=None).isoformat()) == instant


def test_time_is_written_as_segment_writes_it() -> None:
    """Twenty-four characters, UTC, milliseconds; also before 1970."""
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1_709_287_200_123_999) == "2024-03-01T10:00:00.123Z"
    assert iso(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "2024-02-30", "12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """What is no ISO 8601 time is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  the message is Python's
        parse_instant(text)
