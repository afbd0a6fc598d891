"""`multi_branch_split`: down every branch that matches, or down the first one."""

from __future__ import annotations

import pytest

from tests.walking import effects, walk

EVERY = """
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: webinar, condition: {event: Webinar}, next: webinar}
      - {name: form, condition: {event: Form}, next: form}
    timeout: {after: 1 hour, next: neither}
  - {id: webinar, type: send_to_destinations, destinations: [email]}
  - {id: form, type: send_to_destinations, destinations: [email]}
  - {id: neither, type: send_to_destinations, destinations: [email]}
"""


# ── every match ───────────────────────────────────────────────────────────────────────────


# 00:00      00:10    00:20
# Webinar    Form     arrives
def test_all_that_match_at_arrival_are_taken() -> None:
    """Branches need not exclude each other: the user goes down each that matches."""
    assert walk(
        EVERY, "00:00:00 u1 Webinar", "00:10:00 u1 Form", "00:20:00 u1 Start", until="09:00:00"
    ) == ["00:20:00 u1 entered webinar", "00:20:00 u1 entered form"]


# 00:00      00:10    00:20      00:30      00:40
# arrives    Form     Form       Webinar    Webinar
def test_branches_are_taken_one_after_another_and_each_once() -> None:
    """A user who took one branch waits on for the others, and takes none twice."""
    assert walk(
        EVERY,
        "00:00:00 u1 Start",
        "00:10:00 u1 Form",
        "00:20:00 u1 Form",
        "00:30:00 u1 Webinar",
        "00:40:00 u1 Webinar",
        until="09:00:00",
    ) == ["00:10:00 u1 entered form", "00:30:00 u1 entered webinar"]


# 00:00               01:00
# arrives ─────────── time-out
def test_the_timeout_is_for_those_who_took_no_branch() -> None:
    """Who matched nothing goes the time-out's way when it is due."""
    assert walk(EVERY, "00:00:00 u1 Start", until="09:00:00") == ["01:00:00 u1 entered neither"]


# 00:00      00:10    01:00       01:10
# arrives    Form     time-out    Webinar
def test_the_timeout_ends_the_wait_of_those_who_took_a_branch() -> None:
    """Who took a branch does not go the time-out's way, and goes down no branch after it."""
    assert walk(
        EVERY, "00:00:00 u1 Start", "00:10:00 u1 Form", "01:10:00 u1 Webinar", until="09:00:00"
    ) == ["00:10:00 u1 entered form"]


# 00:00    00:30     01:00              01:30
# Start    Buy       arrives            "no Buy for an hour" turns true, and the time-out is due
def test_a_branch_wins_over_the_timeout_at_the_same_instant() -> None:
    """A branch that time makes true at the instant of the time-out is still taken."""
    journey = """
steps:
  - {id: pause, type: wait_for_duration, duration: 1 hour, next: split}
  - id: split
    type: multi_branch_split
    branches:
      - {name: quiet, condition: {event: Buy, exactly: 0, within: 1 hour}, next: quiet}
      - {name: form, condition: {event: Form}, next: form}
    timeout: {after: 30 minutes, next: neither}
  - {id: quiet, type: send_to_destinations, destinations: [email]}
  - {id: form, type: send_to_destinations, destinations: [email]}
  - {id: neither, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Buy", until="09:00:00") == [
        "01:30:00 u1 entered quiet"
    ]


# 00:00               01:00
# arrives ─────────── time-out, then Form
def test_an_event_at_the_instant_of_the_timeout_is_too_late() -> None:
    """What is due at an event's time happens before the event."""
    assert walk(EVERY, "00:00:00 u1 Start", "01:00:00 u1 Form") == ["01:00:00 u1 entered neither"]


# 00:00      00:10   00:20     00:30
# arrives    Form    Leave     Webinar
def test_the_end_of_the_instance_ends_the_wait() -> None:
    """Who has left the journey goes down no further branch."""
    journey = EVERY + "exits: [{name: left, condition: {event: Leave, since: entry}}]"
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:10:00 u1 Form",
        "00:20:00 u1 Leave",
        "00:30:00 u1 Webinar",
        until="09:00:00",
    ) == [
        "00:10:00 u1 entered form",
        "00:20:00 u1 exited form (exit_condition: left)",
    ]


# 00:00      00:10    00:20    00:40               00:50
# arrives    Form     Start    Webinar, all over   Start: enters anew
def test_the_journey_lasts_as_long_as_a_branch_is_open() -> None:
    """Without a time-out the split waits on, so the journey ends with the last branch only."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
at_end: exit
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: webinar, condition: {event: Webinar, since: entry}, next: webinar}
      - {name: form, condition: {event: Form, since: entry}, next: form}
  - {id: webinar, type: send_to_destinations, destinations: [email]}
  - {id: form, type: send_to_destinations, destinations: [email]}
"""
    assert walk(
        journey,
        "00:00:00 u1 Start",
        "00:10:00 u1 Form",
        "00:20:00 u1 Start",  # no entry: the split still waits for the webinar
        "00:30:00 u1 Form",
        "00:40:00 u1 Webinar",
        "00:50:00 u1 Start",
        "01:00:00 u1 Form",
    ) == [
        "00:10:00 u1 entered form",
        "00:10:00 u1 exited form (completed)",
        "00:40:00 u1 entered webinar",
        "00:40:00 u1 exited webinar (completed)",
        "01:00:00 u1 entered form",
        "01:00:00 u1 exited form (completed)",
    ]


# 00:00      00:10               00:20              01:20        02:10
# arrives    Webinar (2 hours)   Form (1 hour)      form due     webinar due
def test_branches_run_side_by_side() -> None:
    """Each branch has its own pace; the other does not hold it up."""
    journey = """
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: webinar, condition: {event: Webinar}, next: wait_long}
      - {name: form, condition: {event: Form}, next: wait_short}
  - {id: wait_long, type: wait_for_duration, duration: 2 hours, next: webinar}
  - {id: wait_short, type: wait_for_duration, duration: 1 hour, next: form}
  - {id: webinar, type: send_to_destinations, destinations: [email]}
  - {id: form, type: send_to_destinations, destinations: [email]}
"""
    happened = ("00:00:00 u1 Start", "00:10:00 u1 Webinar", "00:20:00 u1 Form")
    assert walk(journey, *happened, until="09:00:00") == [
        "01:20:00 u1 entered form",
        "02:10:00 u1 entered webinar",
    ]


def test_two_branches_may_lead_to_one_send_step() -> None:
    """Each arrival has its Entered and its Exited; a list sees the first and the last of them."""
    journey = """
max_duration: 1 hour
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: webinar, condition: {event: Webinar}, next: interested}
      - {name: form, condition: {event: Form}, next: interested}
  - {id: interested, type: send_to_destinations, destinations: [ads]}
"""
    happened = ("00:00:00 u1 Start", "00:10:00 u1 Webinar", "00:20:00 u1 Form")
    told = effects(journey, *happened, until="01:00:00")
    assert [(effect.change, effect.visit, effect.first_or_last) for effect in told] == [
        ("entered", 1, True),
        ("entered", 2, False),
        ("exited", 1, False),
        ("exited", 2, True),
    ]
    assert len({effect.message_id for effect in told}) == len(told)


def test_arriving_ends_the_send_step_before() -> None:
    """The split is no gate: the send step before it ends though the user waits at the split."""
    journey = """
steps:
  - {id: hello, type: send_to_destinations, destinations: [email], next: split}
  - id: split
    type: multi_branch_split
    branches: [{name: form, condition: {event: Form}, next: form}]
  - {id: form, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Form") == [
        "00:00:00 u1 entered hello",
        "00:00:00 u1 exited hello (moved_on: split)",
        "00:30:00 u1 entered form",
    ]


# ── first match ───────────────────────────────────────────────────────────────────────────

FIRST = """
steps:
  - id: split
    type: multi_branch_split
    mode: first_match
    branches:
      - {name: gold, condition: {trait: points, at_least: 100}, next: gold}
      - {name: silver, condition: {trait: points, at_least: 10}, next: silver}
    everyone_else: {next: others}
  - {id: gold, type: send_to_destinations, destinations: [email]}
  - {id: silver, type: send_to_destinations, destinations: [email]}
  - {id: others, type: send_to_destinations, destinations: [email]}
"""


def test_the_first_branch_that_matches_is_taken() -> None:
    """First match: of several branches that hold, only the one listed first is taken."""
    assert walk(
        FIRST,
        "00:00:00 u1 identify {points: 100}",
        "00:00:00 u2 identify {points: 99}",
        "01:00:00 u1 Start",
        "01:00:00 u2 Start",
    ) == ["01:00:00 u1 entered gold", "01:00:00 u2 entered silver"]


def test_everyone_else_has_a_way() -> None:
    """First match: who fulfils no branch's condition goes the way of everyone else."""
    assert walk(FIRST, "00:00:00 u1 Start") == ["00:00:00 u1 entered others"]


# 00:00      00:10
# arrives    identify {points: 100}
def test_first_match_does_not_wait() -> None:
    """First match: what comes true after the arrival changes nothing."""
    assert walk(FIRST, "00:00:00 u1 Start", "00:10:00 u1 identify {points: 100}") == [
        "00:00:00 u1 entered others"
    ]


def test_without_everyone_else_the_path_ends() -> None:
    """First match: without a way for everyone else, the journey is over for them."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
steps:
  - id: split
    type: multi_branch_split
    mode: first_match
    branches: [{name: gold, condition: {trait: points, at_least: 100}, next: gold}]
  - {id: gold, type: send_to_destinations, destinations: [email]}
"""
    happened = ("00:00:00 u1 Start", "00:10:00 u1 identify {points: 100}")
    assert walk(journey, *happened) == []
    assert walk(journey, *happened, "00:20:00 u1 Start") == ["00:20:00 u1 entered gold"]


# ── first to happen ───────────────────────────────────────────────────────────────────────

RACE = """
steps:
  - id: split
    type: multi_branch_split
    mode: first_to_happen
    branches:
      - {name: clicked, condition: {event: Click}, next: click}
      - {name: viewed, condition: {event: View, at_least: 2}, next: view}
    timeout: {after: 1 day, next: neither}
  - {id: click, type: send_to_destinations, destinations: [email]}
  - {id: view, type: send_to_destinations, destinations: [email]}
  - {id: neither, type: send_to_destinations, destinations: [email]}
"""


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (["01:00:00 u1 View", "02:00:00 u1 View", "03:00:00 u1 Click"], "02:00:00 u1 entered view"),
        (
            ["01:00:00 u1 View", "02:00:00 u1 Click", "03:00:00 u1 View"],
            "02:00:00 u1 entered click",
        ),
        (["01:00:00 u1 View"], "1d 00:00:00 u1 entered neither"),
        (["1d 00:00:00 u1 Click"], "1d 00:00:00 u1 entered neither"),
    ],
)
def test_only_the_first_branch_to_happen_is_taken(happened: list[str], expected: str) -> None:
    """The user goes down one branch, the first that comes true, or the time-out's way."""
    assert walk(RACE, "00:00:00 u1 Start", *happened, until="9d 00:00:00") == [expected]


def test_of_branches_that_hold_at_once_the_first_one_listed_is_taken() -> None:
    """The split looks back, as waits do: on arrival several may have happened."""
    happened = ("00:00:00 u1 View", "00:10:00 u1 View", "00:20:00 u1 Click", "01:00:00 u1 Start")
    assert walk(RACE, *happened, until="9d 00:00:00") == ["01:00:00 u1 entered click"]
