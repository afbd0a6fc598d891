"""`wait_until`: hold until the clock says so."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from journeystream.steps.wait_until import WaitUntil
from tests.walking import walk

# Walks start on Monday, 2024-01-01, at midnight UTC: 01:00 in Paris, 19:00 the day before in
# New York.


def until(what: str, *settings: str) -> str:
    """Write a journey that waits, and then sends."""
    late = "  - {id: late, type: send_to_destinations, destinations: [email]}"
    lines = [
        *settings,
        "steps:",
        f"  - {{id: wait, type: wait_until, {what}, next: sent}}",
        "  - {id: sent, type: send_to_destinations, destinations: [email]}",
        *([late] if "late" in what else []),
    ]
    return "\n".join(lines)


# ── a time of day ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arrives", "goes_on"),
    [
        ("08:00:00", "09:00:00"),
        ("09:00:00", "1d 09:00:00"),
        ("09:00:01", "1d 09:00:00"),
    ],
)
def test_until_a_time_of_day(arrives: str, goes_on: str) -> None:
    """The next time after arrival; at that very time it is a day later."""
    assert walk(until("time: '09:00'"), f"{arrives} u1 Start", until="3d 00:00:00") == [
        f"{goes_on} u1 entered sent"
    ]


def test_a_daily_loop() -> None:
    """Waiting until the same time again takes a day, so a loop needs nothing else."""
    journey = """
exits: [{name: over, condition: {event: Stop}}]
steps:
  - {id: wait, type: wait_until, time: '09:00', next: sent}
  - {id: sent, type: send_to_destinations, destinations: [email], next: wait}
"""
    lines = walk(journey, "00:00:00 u1 Start", until="2d 09:00:00")
    assert [line for line in lines if "entered" in line] == [
        "09:00:00 u1 entered sent",
        "1d 09:00:00 u1 entered sent",
        "2d 09:00:00 u1 entered sent",
    ]


def test_the_users_own_zone_wins() -> None:
    """The zone is the trait's, else the journey's; what names no zone is none."""
    journey = until("time: '09:00'", "time_zone: Europe/Paris", "time_zone_trait: home.zone")
    for zone, goes_on in (
        ("America/New_York", "14:00:00"),
        ("Mars/Olympus", "08:00:00"),
        ("Asia/Kathmandu", "03:15:00"),
    ):
        happened = (f"00:00:00 u1 identify {{home: {{zone: {zone}}}}}", "00:00:01 u1 Start")
        assert walk(journey, *happened, until="2d 00:00:00") == [f"{goes_on} u1 entered sent"]
    assert walk(journey, "00:00:00 u1 Start", until="2d 00:00:00") == ["08:00:00 u1 entered sent"]


def test_who_moves_waits_for_the_new_clock() -> None:
    """When the zone changes during the wait, the time is that of the new zone."""
    journey = until("time: '09:00'", "time_zone_trait: zone")
    happened = ("00:00:00 u1 Start", "01:00:00 u1 identify {zone: America/New_York}")
    assert walk(journey, *happened, until="2d 00:00:00") == ["14:00:00 u1 entered sent"]


@pytest.mark.parametrize(
    ("start", "time", "goes_on"),
    [
        # Paris jumps from 02:00 to 03:00, at 01:00 UTC.
        ("2024-03-31T00:00:00Z", "02:30", "01:00:00"),
        # Paris shows 02:00 to 03:00 twice, from 00:00 UTC and from 01:00 UTC.
        ("2024-10-27T00:00:00Z", "02:30", "00:30:00"),
        ("2024-10-27T00:45:00Z", "02:30", "1d 00:45:00"),
    ],
)
def test_daylight_saving(start: str, time: str, goes_on: str) -> None:
    """A skipped time comes when the clock jumps; one that is shown twice comes once."""
    journey = until(f"time: '{time}'", "time_zone: Europe/Paris")
    assert walk(journey, "00:00:00 u1 Start", until="3d 00:00:00", start=start) == [
        f"{goes_on} u1 entered sent"
    ]


# ── hours of the week ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arrives", "goes_on"),
    [
        ("08:00:00", "09:00:00"),
        ("09:00:00", "09:00:00"),
        ("12:00:00", "12:00:00"),
        ("17:00:00", "2d 09:00:00"),
        ("2d 17:00:00", "7d 09:00:00"),
    ],
)
def test_until_hours_of_the_week(arrives: str, goes_on: str) -> None:
    """Inside of a window the user goes on at once, else when the next one begins."""
    journey = until("windows: [{days: [mon, wed], from: '09:00', to: '17:00'}]")
    assert walk(journey, f"{arrives} u1 Start", until="9d 00:00:00") == [
        f"{goes_on} u1 entered sent"
    ]


# ── a date ────────────────────────────────────────────────────────────────────────────────

FLIGHT = "date: entry.departure, before: 2 hours, otherwise: {next: late}"


@pytest.mark.parametrize(
    ("departure", "expected"),
    [
        ("'2024-01-02T10:00:00Z'", "1d 08:00:00 u1 entered sent"),
        ("'2024-01-01T03:00:00Z'", "01:00:00 u1 entered sent"),
        ("'2024-01-01T02:59:59Z'", "01:00:00 u1 entered late"),
        ("'2023-05-01'", "01:00:00 u1 entered late"),
        ("tomorrow", "01:00:00 u1 entered late"),
        ("null", "01:00:00 u1 entered late"),
    ],
)
def test_until_so_long_before_a_date(departure: str, expected: str) -> None:
    """A date to come is waited for; one that is missing, none, or over leads otherwise."""
    happened = f"01:00:00 u1 Start {{departure: {departure}}}"
    assert walk(until(FLIGHT), happened, until="9d 00:00:00") == [expected]


def test_a_missing_date_leads_otherwise() -> None:
    """An entry event without the property has no date to wait for."""
    assert walk(until(FLIGHT), "01:00:00 u1 Start") == ["01:00:00 u1 entered late"]


BIRTHDAY = "date: traits.birthday, after: 1 day, otherwise: {next: late}"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("{birthday: '2024-01-03'}", "3d 00:00:00 u1 entered sent"),  # later than it was
        ("{birthday: '2024-01-01'}", "1d 00:00:00 u1 entered sent"),  # sooner
        ("{birthday: '2023-12-31T05:00:00'}", "05:00:00 u1 entered sent"),  # over by now: at once
        ("{birthday: '2023-12-30'}", "05:00:00 u1 entered late"),  # before the arrival
        ("{birthday: none}", "05:00:00 u1 entered late"),
    ],
)
def test_a_date_that_changes_counts_as_it_is_now(changed: str, expected: str) -> None:
    """While the user waits, the date is asked anew whenever the trait changes."""
    happened = (
        "00:00:00 u1 identify {birthday: '2024-01-02'}",
        "01:00:00 u1 Start",
        f"05:00:00 u1 identify {changed}",
    )
    assert walk(until(BIRTHDAY), *happened, until="9d 00:00:00") == [expected]


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"time": "09:00", "windows": [{}]},
        {"time": "9"},
        {"time": "09:00", "before": "1 hour"},
        {"date": "traits.flight"},
        {"date": "flight", "otherwise": {}},
        {"date": "traits.flight", "otherwise": {}, "before": "1 hour", "after": "1 hour"},
        {"date": "traits.flight", "otherwise": {}, "before": "soon"},
    ],
)
def test_what_can_not_be_waited_for(written: dict[str, object]) -> None:
    """One of the three is waited for, and a date says what happens without it."""
    with pytest.raises(ValidationError):
        WaitUntil.model_validate({"id": "wait", "type": "wait_until", **written})
