"""`wait_for_condition`: hold until a condition is true, or until the time-out."""

from __future__ import annotations

import pytest

from journeystream.errors import DefinitionError
from tests.walking import walk


def waiting(condition: str, arrives_after: str = "") -> str:
    """Write a journey that waits for `condition` for at most an hour, if need be later."""
    first = (
        f"- {{id: pause, type: wait_for_duration, duration: {arrives_after}, next: wait}}"
        if arrives_after
        else ""
    )
    return f"""
steps:
  {first}
  - id: wait
    type: wait_for_condition
    condition: {condition}
    next: came
    timeout: {{after: 1 hour, next: tired}}
  - {{id: came, type: send_to_destinations, destinations: [email]}}
  - {{id: tired, type: send_to_destinations, destinations: [email]}}
"""


# 00:00      00:20      01:00
# arrives ── Go ─────── time-out
def test_goes_on_when_the_condition_comes_true() -> None:
    """The user goes on at the instant of the event, and the time-out is forgotten."""
    assert walk(
        waiting("{event: Go}"), "00:00:00 u1 Start", "00:20:00 u1 Go", until="1d 00:00:00"
    ) == ["00:20:00 u1 entered came"]


# 00:00               01:00
# arrives ─────────── time-out
def test_the_timeout_leads_its_own_way() -> None:
    """Without the condition the user leaves by the time-out, exactly when it is due."""
    assert walk(waiting("{event: Go}"), "00:00:00 u1 Start", until="00:59:59.999") == []
    assert walk(waiting("{event: Go}"), "00:00:00 u1 Start", until="01:00:00") == [
        "01:00:00 u1 entered tired"
    ]


# 00:00    03:00           04:00
# Start    arrives ─────── time-out
def test_the_timeout_counts_from_arrival() -> None:
    """Patience begins at the wait, not at the journey's entry."""
    assert walk(waiting("{event: Go}", "3 hours"), "00:00:00 u1 Start", until="05:00:00") == [
        "04:00:00 u1 entered tired"
    ]


# 00:00              900 d
# arrives ────────── Go
def test_without_a_timeout_the_wait_has_no_end() -> None:
    """Nothing but the condition ends a wait that has no time-out."""
    journey = """
steps:
  - {id: wait, type: wait_for_condition, condition: {event: Go}, next: came}
  - {id: came, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", until="900d 00:00:00") == []
    assert walk(journey, "00:00:00 u1 Start", "900d 00:00:00 u1 Go") == [
        "900d 00:00:00 u1 entered came"
    ]


# 00:00      01:00                02:00    02:10
# arrives ── time-out, path over  Start    Go
def test_a_timeout_without_a_way_ends_the_path() -> None:
    """The time-out's missing `next` ends the path, and the journey with its last path."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
steps:
  - {id: wait, type: wait_for_condition, condition: {event: Go}, next: came,
     timeout: {after: 1 hour}}
  - {id: came, type: send_to_destinations, destinations: [email]}
"""
    happened = ("00:00:00 u1 Start", "02:00:00 u1 Start", "02:10:00 u1 Go")
    assert walk(journey, *happened) == ["02:10:00 u1 entered came"]


# ── at the same instant ───────────────────────────────────────────────────────────────────


# 00:00      00:30    01:00           01:30
# Start      Buy      arrives         "no Buy for 1 hour" turns true; time-out 30 minutes
def test_the_condition_wins_over_a_timeout_at_the_same_instant() -> None:
    """Where time makes the condition true at the instant of the time-out, the condition wins."""
    journey = """
steps:
  - {id: pause, type: wait_for_duration, duration: 1 hour, next: wait}
  - {id: wait, type: wait_for_condition, condition: {event: Buy, exactly: 0, within: 1 hour},
     next: came, timeout: {after: 30 minutes, next: tired}}
  - {id: came, type: send_to_destinations, destinations: [email]}
  - {id: tired, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Buy", until="03:00:00") == [
        "01:30:00 u1 entered came"
    ]
    assert walk(journey, "00:00:00 u1 Start", "00:30:00.001 u1 Buy", until="03:00:00") == [
        "01:30:00 u1 entered tired"
    ]


# 00:00               01:00
# arrives ─────────── time-out, then Go
def test_an_event_at_the_instant_of_the_timeout_is_too_late() -> None:
    """What is due at an event's time happens before the event."""
    journey = waiting("{event: Go}")
    assert walk(journey, "00:00:00 u1 Start", "01:00:00 u1 Go") == ["01:00:00 u1 entered tired"]
    assert walk(journey, "00:00:00 u1 Start", "00:59:59.999 u1 Go") == [
        "00:59:59.999 u1 entered came"
    ]


def test_events_of_one_millisecond_keep_the_order_of_the_log() -> None:
    """Of two events in one millisecond the later in the log lies after the other."""
    journey = waiting("{event: Go, since: step}")
    assert walk(journey, "00:00:00 u1 Start", "00:00:00 u1 Go") == ["00:00:00 u1 entered came"]
    assert walk(journey, "00:00:00 u1 Go", "00:00:00 u1 Start") == []


def test_two_events_of_one_millisecond_are_two() -> None:
    """Events of the same millisecond are counted one by one."""
    journey = waiting("{event: Go, at_least: 2}")
    assert walk(journey, "00:00:00 u1 Start", "00:00:05 u1 Go") == []
    assert walk(journey, "00:00:00 u1 Start", "00:00:05 u1 Go", "00:00:05 u1 Go") == [
        "00:00:05 u1 entered came"
    ]


# ── looking back ──────────────────────────────────────────────────────────────────────────


# 00:00    01:00    03:00
# Start    Go       arrives, and Go counts
def test_looks_back() -> None:
    """An event from before the wait counts as soon as the user arrives."""
    happened = ("00:00:00 u1 Start", "01:00:00 u1 Go")
    assert walk(waiting("{event: Go}", "3 hours"), *happened, until="03:00:00") == [
        "03:00:00 u1 entered came"
    ]
    assert walk(waiting("{event: Go, since: entry}", "3 hours"), *happened, until="03:00:00") == [
        "03:00:00 u1 entered came"
    ]


# 00:00    00:30    03:30
# Go       Start    arrives
def test_since_entry_looks_back_to_the_entry() -> None:
    """`since: entry` counts what came after the user entered the journey."""
    happened = ("00:00:00 u1 Go", "00:30:00 u1 Start")
    assert walk(waiting("{event: Go}", "3 hours"), *happened, until="1d 00:00:00") == [
        "03:30:00 u1 entered came"
    ]
    assert walk(waiting("{event: Go, since: entry}", "3 hours"), *happened, until="04:30:00") == [
        "04:30:00 u1 entered tired"
    ]


# 00:00    01:00    03:00      03:20
# Start    Go       arrives    Go
def test_since_step_does_not_look_back() -> None:
    """`since: step` counts only what comes after the arrival at the wait."""
    journey = waiting("{event: Go, since: step}", "3 hours")
    happened = ("00:00:00 u1 Start", "01:00:00 u1 Go")
    assert walk(journey, *happened, "03:20:00 u1 Go") == ["03:20:00 u1 entered came"]
    assert walk(journey, *happened, until="04:00:00") == ["04:00:00 u1 entered tired"]


# 00:00    01:00    03:00
# Start    Go       arrives:  window of 2 hours is (01:00, 03:00]
def test_looks_back_no_further_than_the_window() -> None:
    """A rolling window holds an event until just before the event is as old as the window."""
    journey = waiting("{event: Go, within: 2 hours}", "3 hours")
    assert walk(journey, "00:00:00 u1 Start", "01:00:00 u1 Go", until="03:00:00") == []
    assert walk(journey, "00:00:00 u1 Start", "01:00:00.001 u1 Go", until="03:00:00") == [
        "03:00:00 u1 entered came"
    ]


# ── what makes a condition true ───────────────────────────────────────────────────────────


# 00:00      00:10   00:20              00:50
# arrives    Click   Click ── 30 min ── quiet
def test_time_alone_can_make_the_condition_true() -> None:
    """A window that slides past its last event is noticed at the very instant."""
    journey = waiting(
        "{all: [{event: Click, since: step}, {event: Click, exactly: 0, within: 30 minutes}]}"
    )
    clicks = ("00:10:00 u1 Click", "00:20:00 u1 Click")
    assert walk(journey, "00:00:00 u1 Start", *clicks, until="00:49:59.999") == []
    assert walk(journey, "00:00:00 u1 Start", *clicks, until="02:00:00") == [
        "00:50:00 u1 entered came"
    ]


def test_a_trait_can_make_the_condition_true() -> None:
    """A changed trait is noticed like an event."""
    journey = waiting("{trait: plan, in: [pro, team]}")
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:10:00 u1 identify {plan: free}",
        "00:20:00 u1 identify {plan: pro}",
    ) == ["00:20:00 u1 entered came"]


def test_only_events_that_pass_the_filter_count() -> None:
    """`where` and the kind of call decide which events count."""
    journey = waiting("{page: Pricing, where: {source: ad}}")
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:10:00 u1 Pricing {source: ad}",
        "00:11:00 u1 screen Pricing {source: ad}",
        "00:12:00 u1 page Pricing {source: mail}",
        "00:13:00 u2 page Pricing {source: ad}",
        "00:14:00 u1 page Pricing {source: ad}",
    ) == ["00:14:00 u1 entered came"]


# ── late events and repeats ───────────────────────────────────────────────────────────────


# 00:00    00:10    00:40     in the log: Start, Click (00:40), Go (00:10)
# Start    Go       Click
def test_a_late_event_counts_at_the_users_clock() -> None:
    """What a late event brings about happens now: no clock is rewound."""
    journey = waiting("{all: [{event: Go}, {event: Click}]}")
    assert walk(
        journey, "00:00:00 u1 Start", "00:40:00 u1 Click", "00:10:00 u1 Go", until="02:00:00"
    ) == ["00:40:00 u1 entered came"]


# 00:00    00:10    00:40     in the log: Start, Click (00:40), Go (00:10)
# Start    Go       Click     window of 30 minutes at 00:40 is (00:10, 00:40]
@pytest.mark.parametrize(("late", "told"), [("00:10:00", []), ("00:10:01", ["00:40:00"])])
def test_a_late_event_counts_at_its_own_time_in_windows(late: str, told: list[str]) -> None:
    """A late event lies in a window only if its own time does."""
    journey = waiting("{all: [{event: Go, within: 30 minutes}, {event: Click}]}")
    assert walk(
        journey, "00:00:00 u1 Start", "00:40:00 u1 Click", f"{late} u1 Go", until="00:41:00"
    ) == [f"{at} u1 entered came" for at in told]


# 00:30    01:00    01:30    02:00    03:00      in the log: Start, Click (02:00), Go
# Go       Start    or Go    Click    arrives
def test_a_late_event_from_before_the_entry_is_not_since_the_entry() -> None:
    """`since` asks when an event happened, not when it arrived."""
    journey = waiting("{event: Go, since: entry}", "2 hours")
    before = ("01:00:00 u1 Start", "02:00:00 u1 Click", "00:30:00 u1 Go")
    after = ("01:00:00 u1 Start", "02:00:00 u1 Click", "01:30:00 u1 Go")
    assert walk(journey, *before, until="04:00:00") == ["04:00:00 u1 entered tired"]
    assert walk(journey, *after, until="04:00:00") == ["03:00:00 u1 entered came"]


# 00:00       01:00      02:00     in the log: Start, another user's Start (02:00), Go (00:30)
# u1 arrives  time-out   u2
def test_a_late_event_undoes_nothing() -> None:
    """A time-out that was taken stays taken, even if the event should have prevented it."""
    journey = waiting("{event: Go}")
    assert walk(journey, "00:00:00 u1 Start", "02:00:00 u2 Start", "00:30:00 u1 Go") == [
        "01:00:00 u1 entered tired"
    ]


def test_a_repeated_message_counts_once() -> None:
    """A producer's retry, with the same messageId, is the same event."""
    journey = waiting("{event: Go, at_least: 2}")
    start = "00:00:00 u1 Start"
    assert walk(journey, start, "00:10:00 u1 Go #m1", "00:20:00 u1 Go #m1") == []
    assert walk(journey, start, "00:10:00 u1 Go #m1", "00:20:00 u1 Go #m2") == [
        "00:20:00 u1 entered came"
    ]
    assert walk(journey, start, "00:10:00 u1 Go #m1", "00:20:00 u2 Go #m1") == []


# 0 d          7 d           7 d and 1 ms
# Start #m1    Start #m1     Start #m1
def test_message_ids_are_remembered_for_a_week() -> None:
    """The dedup window is seven days, its last instant included."""
    journey = """
entry: {condition: {event: Start, at_least: 2}}
steps: [{id: twice, type: send_to_destinations, destinations: [email]}]
"""
    assert walk(journey, "00:00:00 u1 Start #m1", "7d 00:00:00 u1 Start #m1") == []
    assert walk(journey, "00:00:00 u1 Start #m1", "7d 00:00:00.001 u1 Start #m1") == [
        "7d 00:00:00.001 u1 entered twice"
    ]


# ── an event starts the time-out anew ─────────────────────────────────────────────────────

CART = """
steps:
  - id: wait
    type: wait_for_condition
    condition: {event: Order}
    next: ordered
    timeout: {after: 1 hour, next: remind}
    restart_on: {event: Add, where: {size: {at_least: 2}}}
  - {id: ordered, type: send_to_destinations, destinations: [email]}
  - {id: remind, type: send_to_destinations, destinations: [email]}
"""


# 00:00    00:40        01:20        02:20
# arrives  Add          Add ──────── time-out
def test_an_event_starts_the_timeout_anew() -> None:
    """Still adding to the cart: the hour begins again with every such event."""
    adding = ("00:40:00 u1 Add {size: 2}", "01:20:00 u1 Add {size: 3}")
    assert walk(CART, "00:00:00 u1 Start", *adding, until="1d 00:00:00") == [
        "02:20:00 u1 entered remind"
    ]
    assert walk(CART, "00:00:00 u1 Start", *adding, "02:00:00 u1 Order") == [
        "02:00:00 u1 entered ordered"
    ]


def test_other_events_do_not() -> None:
    """An event from before the wait, or that `where` leaves out, restarts nothing."""
    happened = ("00:00:00 u1 Add {size: 2}", "00:10:00 u1 Start", "00:40:00 u1 Add {size: 1}")
    assert walk(CART, *happened, until="1d 00:00:00") == ["01:10:00 u1 entered remind"]


# 00:00    00:50 (Add of 00:20 arrives)   01:20
# arrives                                 time-out
def test_a_late_event_restarts_at_its_own_time() -> None:
    """What comes late counts at the time at which it happened."""
    happened = ("00:00:00 u1 Start", "00:50:00 u1 Look", "00:20:00 u1 Add {size: 2}")
    assert walk(CART, *happened, until="1d 00:00:00") == ["01:20:00 u1 entered remind"]


@pytest.mark.parametrize(
    "written",
    [
        "restart_on: {event: Add}",
        "restart_on: {event: Add, at_least: 2}, timeout: {after: 1 hour}",
        "restart_on: {event: Add, within: 1 day}, timeout: {after: 1 hour}",
    ],
)
def test_only_a_plain_event_restarts_a_timeout(written: str) -> None:
    """It names an event, not a count or a window, and there is a time-out to restart."""
    journey = f"""
steps:
  - {{id: wait, type: wait_for_condition, condition: {{event: Order}}, {written}}}
"""
    with pytest.raises(DefinitionError):
        walk(journey, "00:00:00 u1 Start")
