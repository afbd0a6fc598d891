"""When sends may be told: quiet hours, windows and caps, at the send step itself."""

from __future__ import annotations

import pytest

from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.errors import Problem
from journeystream.events import Event
from journeystream.project import Limits
from journeystream.validation import Known, validate_journey
from tests.playing import Partition
from tests.strategies import END_OF_TIME, START, journey_of, rules_of
from tests.walking import walk

# Walks start on Monday, 2024-01-01, at midnight UTC.
QUIET = "quiet_hours: [{from: '22:00', to: '08:00'}]"


def two_sends(journey: str = "", step: str = "", wait: str = "12 hours") -> str:
    """Write a journey of two sends with a wait between; rules for sends of it and the second."""
    own = f", sending: {{{step}}}" if step else ""
    return f"""
sending: {{{journey}}}
steps:
  - {{id: first, type: send_to_destinations, destinations: [ads], next: wait, sending: {{
     quiet_hours: [], windows: [], caps: []}}}}
  - {{id: wait, type: wait_for_duration, duration: {wait}, next: second}}
  - {{id: second, type: send_to_destinations, destinations: [email], next: last{own}}}
  - {{id: last, type: wait_for_duration, duration: 3 days}}
"""


# 12:00    22:00 … 24:00       32:00 = 1d 08:00
# first    quiet hours begin   second is told
def test_quiet_hours_hold_the_send() -> None:
    """Until the quiet hours end the user is still in the send step before."""
    journey = two_sends(QUIET)
    assert walk(journey, "12:00:00 u1 Start", until="2d 00:00:00") == [
        "12:00:00 u1 entered first",
        "1d 08:00:00 u1 exited first (moved_on: second)",
        "1d 08:00:00 u1 entered second",
    ]


def test_outside_of_quiet_hours_nothing_is_held() -> None:
    """At `to` and until just before `from` a send is told on arrival."""
    journey = two_sends(QUIET)
    for arrives, second in (("20:00:00", "1d 08:00:00"), ("09:59:59", "21:59:59")):
        assert walk(journey, f"{arrives} u1 Start", until="2d 00:00:00") == [
            f"{arrives} u1 entered first",
            f"{second} u1 exited first (moved_on: second)",
            f"{second} u1 entered second",
        ]


def test_a_discarded_send_is_passed_by() -> None:
    """Nobody is told of it, the send step before is left, and the path goes on."""
    journey = two_sends(QUIET + ", at_other_times: discard")
    assert walk(journey, "12:00:00 u1 Start", until="9d 00:00:00") == [
        "12:00:00 u1 entered first",
        "1d 00:00:00 u1 exited first (moved_on: second)",
    ]


def test_a_step_overrides_its_journey_field_by_field() -> None:
    """What a step says wins, what it leaves out is as the journey says."""
    held = ["1d 00:00:00 u1 exited first (moved_on: second)"]
    told = [*held, "1d 00:00:00 u1 entered second"]
    late = [line.replace("1d 00", "1d 08") for line in told]
    for step, expected in (
        ("", late),
        ("quiet_hours: []", told),
        ("at_other_times: discard", held),
        ("windows: [{days: [tue]}]", late),
    ):
        lines = walk(two_sends(QUIET, step), "12:00:00 u1 Start", until="2d 00:00:00")
        assert lines[1:] == expected, step


def test_windows_by_weekday() -> None:
    """A send waits for the next window, in the user's own time zone."""
    journey = "time_zone_trait: zone" + two_sends(
        "windows: [{days: [thu], from: '09:00', to: '12:00'}]"
    )
    assert walk(journey, "12:00:00 u1 Start", until="4d 00:00:00")[2] == (
        "3d 09:00:00 u1 entered second"
    )
    happened = ("11:00:00 u1 identify {zone: America/New_York}", "12:00:00 u1 Start")
    assert walk(journey, *happened, until="4d 00:00:00")[2] == "3d 14:00:00 u1 entered second"


def test_an_exit_while_a_send_is_held() -> None:
    """Who leaves meanwhile leaves the send step that they are in, and was never in this one."""
    journey = two_sends(QUIET) + "\nexits: [{name: bought, condition: {event: Buy}}]"
    assert walk(journey, "12:00:00 u1 Start", "1d 03:00:00 u1 Buy", until="2d 00:00:00") == [
        "12:00:00 u1 entered first",
        "1d 03:00:00 u1 exited first (exit_condition: bought)",
    ]


def test_a_path_that_ends_at_a_discarded_send_is_over() -> None:
    """There is no step to rest in, so the instance is complete and can begin again."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
sending: {caps: [{at_most: 1, within: 1 day}]}
at_end: exit
steps:
  - {id: sent, type: send_to_destinations, destinations: [email]}
"""
    starts = [f"{at} u1 Start" for at in ("00:00:00", "10:00:00", "23:59:59", "1d 00:00:00")]
    lines = walk(journey, *starts, until="3d 00:00:00")
    assert [line for line in lines if "entered" in line] == [
        "00:00:00 u1 entered sent",
        "1d 00:00:00 u1 entered sent",
    ]


# ── caps ──────────────────────────────────────────────────────────────────────────────────


def capped(id_: str, **sending: object) -> JourneyDefinition:
    """Read a journey that sends at each event of its name."""
    entry = {"condition": {"event": id_}, "reentry": "after_exit"}
    step = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
    return journey_of(
        {"id": id_, "name": id_, "entry": entry, "sending": sending, "steps": [step]}
        | {"at_end": "exit"}
    )


HOUR = 3_600_000_000


def hours_told(*journeys: JourneyDefinition, at: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return at which hours which journey told."""
    partition = Partition(rules_of(*journeys))
    partition.take([Event("u1", "track", name, START + hour * HOUR) for hour, name in at])
    partition.take([], until=END_OF_TIME)
    return [
        ((effect.at - START) // HOUR, effect.journey)
        for effect in partition.effects
        if effect.change == "entered"
    ]


CAP = {"at_most": 2, "within": "1 day"}


def test_a_cap_counts_what_its_journey_told() -> None:
    """Two a day: the third is discarded, and does not count; other journeys do not either."""
    at = [(hour, name) for hour in (0, 6, 12, 23, 24, 29, 30) for name in "ab"]
    told = hours_told(capped("a", caps=[CAP]), capped("b"), at=at)
    assert [hour for hour, name in told if name == "a"] == [0, 6, 24, 30]
    assert [hour for hour, name in told if name == "b"] == [0, 6, 12, 23, 24, 29, 30]


def test_a_cap_across_journeys_counts_all_that_share_its_name() -> None:
    """Journeys with a cap of the same name take turns."""
    shared = {**CAP, "across": "marketing"}
    at = [(0, "a"), (1, "b"), (2, "a"), (3, "c"), (25, "b"), (26, "a")]
    told = hours_told(capped("a", caps=[shared]), capped("b", caps=[shared]), capped("c"), at=at)
    assert told == [(0, "a"), (1, "b"), (3, "c"), (25, "b"), (26, "a")]


def test_a_send_over_the_cap_can_be_held() -> None:
    """`over_cap: hold` waits until the oldest send has left the window."""
    told = hours_told(
        capped("a", caps=[CAP], over_cap="hold"), at=[(0, "a"), (6, "a"), (12, "a"), (13, "a")]
    )
    assert told == [(0, "a"), (6, "a"), (24, "a")]


# ── what is refused ───────────────────────────────────────────────────────────────────────


def problems(sending: object, *steps: object) -> list[Problem]:
    """Return what is wrong with a journey."""
    send = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"]}
    entry = {"condition": {"event": "a"}}
    written = {"id": "j", "name": "J", "entry": entry, "sending": sending, "steps": [*steps, send]}
    journey = parse_definition(written, "a test's journey")
    assert isinstance(journey, JourneyDefinition)
    return validate_journey(journey, Known({"email"}, {}, Limits()))


def test_rules_that_leave_no_time_are_refused() -> None:
    """A send that never may be told is a mistake."""
    day = [{"from": "08:00", "to": "20:00"}]
    [problem] = problems({"windows": day, "quiet_hours": day})
    assert problem.path == "sending"


@pytest.mark.parametrize(("time", "wrong"), [("23:00", 1), ("07:59", 1), ("08:00", 0)])
def test_a_wait_until_a_time_at_which_the_send_is_discarded(time: str, wrong: int) -> None:
    """A journey that sends at a quiet hour, every time, says so when it is published."""
    wait = {"id": "wait", "type": "wait_until", "time": time, "next": "sent"}
    quiet = {"quiet_hours": [{"from": "22:00", "to": "08:00"}]}
    assert len(problems({**quiet, "at_other_times": "discard"}, wait)) == wrong
    assert problems(quiet, wait) == []
