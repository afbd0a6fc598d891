"""`wait_for_duration`: a pause of a fixed length, and what can end it before its time."""

from __future__ import annotations

import pytest

from tests.walking import walk


def waiting(duration: str, also: str = "") -> str:
    """Write a journey that waits for `duration`; `also` are more lines of the journey."""
    return f"""
{also}
steps:
  - {{id: wait, type: wait_for_duration, duration: {duration}, next: done}}
  - {{id: done, type: send_to_destinations, destinations: [email]}}
"""


# 00:00               01:30
# arrives ─────────── goes on
def test_goes_on_exactly_when_it_is_due() -> None:
    """The user goes on neither early nor late."""
    journey = waiting("90 minutes")
    assert walk(journey, "00:00:00 u1 Start", until="01:29:59.999") == []
    assert walk(journey, "00:00:00 u1 Start", until="09:00:00") == ["01:30:00 u1 entered done"]


# 00:00    01:00 (first wait over)    01:30
# Start ── arrives ────────────────── goes on
def test_counts_from_arrival() -> None:
    """Each wait begins when the user comes to it."""
    journey = """
steps:
  - {id: first, type: wait_for_duration, duration: 1 hour, next: second}
  - {id: second, type: wait_for_duration, duration: 30 minutes, next: done}
  - {id: done, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", until="02:00:00") == ["01:30:00 u1 entered done"]


# 00:00     00:10     01:00    01:10
# u2        u1        u2 due   u1 due
def test_users_go_on_in_due_order() -> None:
    """Whoever is due first goes on first, also when all are late."""
    journey = waiting("1 hour")
    assert walk(journey, "00:00:00 u2 Start", "00:10:00 u1 Start", until="9d 00:00:00") == [
        "01:00:00 u2 entered done",
        "01:10:00 u1 entered done",
    ]


# 00:00    01:00    01:30    02:00
# Start    end      Start?   path over, Start?
def test_a_path_may_end_at_a_wait() -> None:
    """When the wait at a path's end is over, the journey is completed."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
steps:
  - {id: begin, type: wait_for_duration, duration: 1 hour, next: split}
  - id: split
    type: true_false_split
    condition: {event: Start, at_least: 2}
    if_true: {next: second_time}
    if_false: {next: end}
  - {id: end, type: wait_for_duration, duration: 1 hour}
  - {id: second_time, type: send_to_destinations, destinations: [email]}
"""
    # The Start at 01:30 finds the user in the journey, the one at 02:00 does not.
    assert walk(journey, "00:00:00 u1 Start", "01:30:00 u1 Start", until="09:00:00") == []
    assert walk(journey, "00:00:00 u1 Start", "02:00:00 u1 Start", until="09:00:00") == [
        "03:00:00 u1 entered second_time"
    ]


# ── leaving in the middle ─────────────────────────────────────────────────────────────────

ORDERED = "exits: [{name: ordered, condition: {event: Order, since: entry}}]"


# 00:00      00:30    01:00
# arrives    Order    (nothing)
def test_an_exit_rule_works_in_the_middle_of_a_wait() -> None:
    """An exit condition takes the user out at once, and the wait with them."""
    journey = waiting("1 hour", ORDERED)
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Order", until="02:00:00") == []


# 00:00               01:00
# arrives ─────────── goes on, then Order
def test_what_is_due_happens_before_an_event_of_the_same_instant() -> None:
    """An order at the very end of the wait comes too late to end it early."""
    journey = waiting("1 hour", ORDERED)
    assert walk(journey, "00:00:00 u1 Start", "01:00:00 u1 Order") == [
        "01:00:00 u1 entered done",
        "01:00:00 u1 exited done (exit_condition: ordered)",
    ]
    assert walk(journey, "00:00:00 u1 Start", "00:59:59.999 u1 Order", until="02:00:00") == []


# 00:00           00:20    01:20
# Visit, Start    Visit    "no visit for an hour" turns true
def test_an_exit_rule_can_come_true_by_time_alone() -> None:
    """A window that slides while the user waits takes them out at that instant."""
    gone = "exits: [{name: gone, condition: {event: Visit, exactly: 0, within: 1 hour}}]"
    journey = f"""
{gone}
steps:
  - {{id: hello, type: send_to_destinations, destinations: [email], next: wait}}
  - {{id: wait, type: wait_for_duration, duration: 1 day, next: done}}
  - {{id: done, type: send_to_destinations, destinations: [email]}}
"""
    visits = ("00:00:00 u1 Visit", "00:00:00 u1 Start", "00:20:00 u1 Visit")
    assert walk(journey, *visits, until="2d 00:00:00") == [
        "00:00:00 u1 entered hello",
        "01:20:00 u1 exited hello (exit_condition: gone)",
    ]


# 00:30    01:00    01:30       02:00    04:00      in the log: Start, Start (02:00), Order
# Order    Start    or Order    Start    due
def test_a_late_order_counts_at_its_own_time() -> None:
    """A late event from before the entry is no reason to leave; one from after it is."""
    journey = waiting("3 hours", ORDERED)
    start = ("01:00:00 u1 Start", "02:00:00 u1 Start")
    assert walk(journey, *start, "00:30:00 u1 Order", until="04:00:00") == [
        "04:00:00 u1 entered done"
    ]
    assert walk(journey, *start, "01:30:00 u1 Order", until="04:00:00") == []


# 00:00               01:00             02:00
# arrives ─────────── max_duration      (end of the wait)
def test_the_maximum_duration_ends_a_wait() -> None:
    """Whoever waits when the maximum duration is over leaves the journey then."""
    journey = """
max_duration: 1 hour
steps:
  - {id: hello, type: send_to_destinations, destinations: [email], next: wait}
  - {id: wait, type: wait_for_duration, duration: 2 hours, next: done}
  - {id: done, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", until="03:00:00") == [
        "00:00:00 u1 entered hello",
        "01:00:00 u1 exited hello (max_duration)",
    ]


# 00:00               01:00
# arrives ─────────── max_duration, and the end of the wait
def test_the_maximum_duration_wins_over_the_end_of_the_wait() -> None:
    """Ways out of the journey are looked at before the way on."""
    journey = waiting("1 hour", "max_duration: 1 hour")
    assert walk(journey, "00:00:00 u1 Start", until="03:00:00") == []


# ── days and months ───────────────────────────────────────────────────────────────────────

BERLIN = "time_zone: Europe/Berlin"
# In 2024 Berlin's clocks went from 02:00 to 03:00 on 31 March, and back on 27 October.


@pytest.mark.parametrize(
    ("duration", "start", "due"),
    [
        # 15 March 12:00 CET to 15 April 12:00 CEST: an hour less than 31 days
        ("1 month", "2024-03-15T11:00:00Z", "30d 23:00:00"),
        # 15 October 12:00 CEST to 15 November 12:00 CET: an hour more than 31 days
        ("1 month", "2024-10-15T10:00:00Z", "31d 01:00:00"),
        # 31 January 02:30 CET to 31 March 02:30, which the clocks skipped: 03:30 CEST
        ("2 months", "2024-01-31T01:30:00Z", "60d 00:00:00"),
        # 27 September 02:30 CEST to 27 October 02:30, which came twice: the first of them
        ("1 month", "2024-09-27T00:30:00Z", "30d 00:00:00"),
        # 31 January to the last day of a February in a leap year
        ("1 month", "2024-01-31T11:00:00Z", "29d 00:00:00"),
        # 30 January to 30 March: in one step, not over the end of February
        ("2 months", "2024-01-30T11:00:00Z", "60d 00:00:00"),
        # 30 days are exact: noon becomes 13:00 over the change
        ("30 days", "2024-03-15T11:00:00Z", "30d 00:00:00"),
        # half past midnight of the 15th in Berlin, where it is still the 14th in UTC
        ("1 month", "2024-03-14T23:30:00Z", "30d 23:00:00"),
    ],
)
def test_months_keep_the_wall_clock_time(duration: str, start: str, due: str) -> None:
    """A month ends at the same time of day in the zone; days and weeks are exact spans."""
    journey = waiting(duration, BERLIN)
    assert walk(journey, "00:00:00 u1 Start", start=start, until="99d 00:00:00") == [
        f"{due} u1 entered done"
    ]


# 15 March, noon CET                 15 April, noon CEST
# Start ── month less an hour ────── max_duration
def test_the_maximum_duration_may_be_months() -> None:
    """Months of the maximum duration are calendar months in the journey's zone too."""
    journey = """
time_zone: Europe/Berlin
max_duration: 1 month
steps: [{id: done, type: send_to_destinations, destinations: [email]}]
"""
    start = "2024-03-15T11:00:00Z"
    assert walk(journey, "00:00:00 u1 Start", start=start, until="99d 00:00:00") == [
        "00:00:00 u1 entered done",
        "30d 23:00:00 u1 exited done (max_duration)",
    ]


# 15 March, noon CET                 15 April, noon CEST
# Visit ─── month less an hour ───── "no visit within a month" turns true
def test_a_window_may_be_months() -> None:
    """A rolling window of months ends at the same time of day in the journey's zone."""
    journey = """
time_zone: Europe/Berlin
entry: {condition: {event: Visit, exactly: 0, within: 1 month}}
steps: [{id: miss_you, type: send_to_destinations, destinations: [email]}]
"""
    start = "2024-03-15T11:00:00Z"
    assert walk(journey, "00:00:00 u1 Visit", start=start, until="99d 00:00:00") == [
        "30d 23:00:00 u1 entered miss_you"
    ]
