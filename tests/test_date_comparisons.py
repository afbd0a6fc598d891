"""Dates of traits and events: what each operator means, in time zones and at their changes."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.comparisons import MISSING
from journeystream.date_comparisons import DATE_OPERATORS, DatedComparison, Timed, compile_dated
from journeystream.durations import LAST_INSTANT, MICROS, instant_of, parse_duration
from tests.strategies import json_values

laws = settings(deadline=None, max_examples=200)

# Changes at midnight, half hours, a day that never was, and none at all.
ZONES = tuple(
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Paris",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/Havana",
    )
)
SPANS = ("1 hour", "1 day", "1 month", "3 months 2 days")
_days = st.dates(date(2010, 1, 1), date(2019, 12, 31))
_moments = st.builds(datetime.combine, _days, st.times())
_dates = st.one_of(
    _moments.map(lambda moment: moment.isoformat()),
    _moments.map(lambda moment: moment.isoformat() + "Z"),
    _moments.map(lambda moment: moment.isoformat() + "+05:30"),
    _days.map(lambda day: day.isoformat()),
    st.sampled_from(("2012-02-29", "2018-02-28T23:59:59", "2018-11-04", "2011-12-30")),
)
_zones = st.sampled_from(ZONES)
_wanted: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("before", "after"), _dates),
    **dict.fromkeys(("within_last", "within_next"), st.sampled_from(SPANS)),
    "same_day": st.one_of(st.just("today"), _dates),
    "anniversary_within": st.integers(0, 180),
}
_operators = st.sampled_from(sorted(DATE_OPERATORS)).flatmap(
    lambda name: _wanted[name].map(lambda wanted: {name: wanted})
)


def timed(written: dict[str, Any], zone: ZoneInfo) -> Timed:
    """Compile a comparison as it is written."""
    found = compile_dated(DatedComparison.model_validate(written), zone)
    assert found is not None
    return found


def micros(moment: datetime) -> int:
    """Return the instant of an aware moment."""
    return instant_of(moment)


def meant(text: str, zone: ZoneInfo) -> int:
    """Return the instant that a date means, in a zone."""
    moment = datetime.fromisoformat(text)
    return micros(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def local_day(instant: int, zone: ZoneInfo) -> date:
    """Return the day that it is in the zone."""
    return datetime.fromtimestamp(instant // MICROS, zone).date()


def holds(written: dict[str, Any], text: str, now: int, zone: ZoneInfo) -> bool:
    """Tell plainly, day by day, whether a comparison of a date holds now."""
    [(name, wanted)] = written.items()
    value, today = meant(text, zone), local_day(now, zone)
    day = day_of(text, zone)
    if name in ("before", "after"):
        return (value < meant(wanted, zone)) == (name == "before")
    if name == "within_last":
        return value <= now < parse_duration(wanted).after(value, zone)
    if name == "within_next":
        return parse_duration(wanted).before(value, zone) <= now < value
    if name == "same_day":
        return day == (today if wanted == "today" else day_of(wanted, zone))
    ahead = [today + timedelta(days=days) for days in range(wanted + 1)]
    return any(is_anniversary(each, day) for each in ahead)


def day_of(text: str, zone: ZoneInfo) -> date:
    """Return the day that a date means; one without a time is itself, in any zone."""
    if len(text) == len("2018-01-01"):
        return date.fromisoformat(text)
    return local_day(meant(text, zone), zone)


def is_anniversary(day: date, of: date) -> bool:
    """Tell whether a day is a later year's anniversary of another."""
    if day.year <= of.year:
        return False
    if (of.month, of.day) == (2, 29) and not isleap(day.year):
        return (day.month, day.day) == (2, 28)
    return (day.month, day.day) == (of.month, of.day)


def test_every_operator_is_drawn() -> None:
    """The laws below cover every operator for dates that there is."""
    assert set(_wanted) == set(DATE_OPERATORS)


@laws
@given(_operators, st.one_of(json_values(), st.just(MISSING), _dates), _zones, st.data())
def test_they_are_total(
    written: dict[str, Any],
    value: object,
    zone: ZoneInfo,
    data: st.DataObject,
) -> None:
    """Whatever the value is, and whenever it is asked, there is an answer, and a later turn."""
    now = data.draw(st.integers(-LAST_INSTANT, LAST_INSTANT))
    comparison = timed(written, zone)
    assert comparison.test(value, now) in (True, False)
    turn = comparison.turns(value, now)
    assert turn is None or now < turn < 1 << 63


@settings(laws, max_examples=1_500)
@given(_operators, _dates, _zones, st.data())
def test_they_mean_what_they_say_until_they_turn(
    written: dict[str, Any], text: str, zone: ZoneInfo, data: st.DataObject
) -> None:
    """The truth is that of the plain words at any time, and changes just at the turns."""
    comparison = timed(written, zone)
    near = st.builds(
        lambda days, off: meant(text, zone) + days * 43_200 * MICROS + off,
        st.integers(-900, 900),
        st.sampled_from((0, -1, 1, 12_345_678_901)),
    )
    now = data.draw(near)
    truth = holds(written, text, now, zone)
    assert comparison.test(text, now) == truth
    turn = comparison.turns(text, now)
    if turn is not None:
        assert holds(written, text, turn - 1, zone) == truth
        assert holds(written, text, turn, zone) != truth or _passes_over(text, turn, zone)
        between = data.draw(st.integers(now, turn - 1))
        assert holds(written, text, between, zone) == truth
    else:
        later = now + data.draw(st.integers(0, 4_000)) * 86_400 * MICROS
        assert holds(written, text, later, zone) == truth


def _passes_over(text: str, turn: int, zone: ZoneInfo) -> bool:
    """Tell whether the turn is at the day that a zone left out: it begins and ends at once."""
    return (
        str(zone) == "Pacific/Apia" and local_day(turn, zone) == date(2011, 12, 31) and bool(text)
    )


@pytest.mark.parametrize(
    ("zone", "begin", "end"),
    [
        ("Europe/Paris", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"),
        ("Europe/Paris", "2024-10-27T00:00:00+02:00", "2024-10-28T00:00:00+01:00"),
        ("America/Sao_Paulo", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"),
    ],
)
def test_a_day_is_as_long_as_its_zone_says(zone: str, begin: str, end: str) -> None:
    """A birthday lasts 23 hours in spring and 25 in autumn; one zone skips midnight itself."""
    first = datetime.fromisoformat(begin)
    born = f"2000-{first.month:02}-{first.day:02}"
    birthday = timed({"anniversary_within": 0}, ZoneInfo(zone))
    start, stop = (micros(datetime.fromisoformat(text)) for text in (begin, end))
    truths = [birthday.test(born, now) for now in (start - 1, start, stop - 1, stop)]
    assert truths == [False, True, True, False]
    assert birthday.turns(born, start - 1) == start
    assert birthday.turns(born, start) == stop


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2024-03-01", "2024-02-29T23:00:00Z"),
        ("2024-03-01T10:00:00", "2024-03-01T09:00:00Z"),
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("2024-03-01T10:00:00.5+02:00", "2024-03-01T08:00:00.5Z"),
        (1_709_287_200, "2024-03-01T10:00:00Z"),
        (1_709_287_200_000, "2024-03-01T10:00:00Z"),
        ("20240301", None),
        ("2024-W10-1", None),
        ("March 1st", None),
        (True, None),
        (None, None),
        (1e300, None),
        (["2024-03-01"], None),
    ],
)
def test_what_is_a_date(value: object, instant: str | None) -> None:
    """Texts of ISO 8601 and Unix times are dates; without an offset, of the time zone."""
    paris = ZoneInfo("Europe/Paris")
    if instant is None:
        assert not timed({"after": "1900-01-01"}, paris).test(value, 0)
        return
    assert timed({"after": instant}, paris).test(value, 0)
    assert not timed({"before": instant}, paris).test(value, 0)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"before": "tomorrow"}, "is no date"),
        ({"after": 5}, "is no date"),
        ({"within_last": "soon"}, "is no duration"),
        ({"same_day": "yesterday"}, "is no date"),
        ({"anniversary_within": 181}, "less than or equal to 180"),
        ({"anniversary_within": "1 day"}, "valid integer"),
        ({}, "no operator: write one of equals, .*, anniversary_within"),
    ],
)
def test_what_can_not_be_asked_is_refused(written: dict[str, Any], said: str) -> None:
    """A comparison that no date could fulfil is refused, with what to write."""
    with pytest.raises(ValidationError, match=said):
        DatedComparison.model_validate(written)


def test_dates_of_yaml_are_taken() -> None:
    """YAML reads 2024-03-01 as a date of its own kind; it is the same as the text."""
    written = {"before": date(2024, 3, 1), "after": datetime(2024, 1, 1, tzinfo=UTC)}
    read = DatedComparison.model_validate(written)
    assert (read.before, read.after) == ("2024-03-01", "2024-01-01T00:00:00+00:00")
