"""`true_false_split`: one question at arrival, two ways on."""

from __future__ import annotations

from tests.walking import walk


def splitting(condition: str, arrives_after: str = "1 hour") -> str:
    """Write a journey that asks `condition` some time after the entry."""
    return f"""
steps:
  - {{id: wait, type: wait_for_duration, duration: {arrives_after}, next: split}}
  - id: split
    type: true_false_split
    condition: {condition}
    if_true: {{next: "yes"}}
    if_false: {{next: "no"}}
  - {{id: "yes", type: send_to_destinations, destinations: [email]}}
  - {{id: "no", type: send_to_destinations, destinations: [email]}}
"""


def test_the_truth_at_arrival_decides() -> None:
    """Whoever fulfils the condition goes the way of true, everyone else that of false."""
    journey = splitting("{event: Buy}")
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u1 Buy", until="01:00:00") == [
        "01:00:00 u1 entered yes"
    ]
    assert walk(journey, "00:00:00 u1 Start", "00:30:00 u2 Buy", until="01:00:00") == [
        "01:00:00 u1 entered no"
    ]


# 00:00    01:00    01:30
# Start    asked    Buy
def test_what_comes_later_changes_nothing() -> None:
    """The question is asked once."""
    journey = splitting("{event: Buy}")
    assert walk(journey, "00:00:00 u1 Start", "01:30:00 u1 Buy", until="9d 00:00:00") == [
        "01:00:00 u1 entered no"
    ]


# 00:00    00:30    01:30
# Buy      Start    asked
def test_looks_back_beyond_the_entry() -> None:
    """Without a window all that is known of the user counts."""
    happened = ("00:00:00 u1 Buy", "00:30:00 u1 Start")
    assert walk(splitting("{event: Buy}"), *happened, until="01:30:00") == [
        "01:30:00 u1 entered yes"
    ]
    assert walk(splitting("{event: Buy, since: entry}"), *happened, until="01:30:00") == [
        "01:30:00 u1 entered no"
    ]


# 00:00    02:00                3 d 00:00
# Start    Visit (1 day long)   asked
def test_a_window_ends_at_arrival() -> None:
    """`within` counts back from the arrival; an event as old as the window is out of it."""
    journey = splitting("{event: Visit, within: 1 day}", "3 days")
    assert walk(journey, "00:00:00 u1 Start", "2d 00:00:00 u1 Visit", until="3d 00:00:00") == [
        "3d 00:00:00 u1 entered no"
    ]
    assert walk(journey, "00:00:00 u1 Start", "2d 00:00:00.001 u1 Visit", until="3d 00:00:00") == [
        "3d 00:00:00 u1 entered yes"
    ]


# 00:00               01:00
# Start ───────────── asked, then Buy
def test_an_event_at_the_instant_of_arrival_comes_too_late() -> None:
    """The wait before the split is over, and the split asked, before an event of that instant."""
    journey = splitting("{event: Buy}")
    assert walk(journey, "00:00:00 u1 Start", "01:00:00 u1 Buy") == ["01:00:00 u1 entered no"]


def test_the_entry_event_is_known_at_once() -> None:
    """A split that stands first sees what the entering event brought."""
    journey = """
entry: {condition: {any: [{event: Start}, {trait: plan, exists: true}]}}
steps:
  - id: split
    type: true_false_split
    condition: {any: [{trait: plan, equals: pro}, {event: Start, where: {size: {at_least: 10}}}]}
    if_true: {next: big}
    if_false: {next: small}
  - {id: big, type: send_to_destinations, destinations: [email]}
  - {id: small, type: send_to_destinations, destinations: [email]}
"""
    assert walk(
        journey,
        "00:00:00 u1 identify {plan: pro}",
        "00:00:00 u2 identify {plan: free}",
        "00:00:00 u3 Start {size: 10}",
        "00:00:00 u4 Start {size: 9}",
    ) == [
        "00:00:00 u1 entered big",
        "00:00:00 u2 entered small",
        "00:00:00 u3 entered big",
        "00:00:00 u4 entered small",
    ]


def test_a_way_without_a_step_ends_the_path() -> None:
    """Who goes a way without `next` has completed the journey, and may come again."""
    journey = """
entry: {condition: {event: Start}, reentry: after_exit}
steps:
  - id: split
    type: true_false_split
    condition: {event: Start, at_least: 2}
    if_true: {next: again}
    if_false: {name: First time}
  - {id: again, type: send_to_destinations, destinations: [email]}
"""
    assert walk(journey, "00:00:00 u1 Start", "00:10:00 u1 Start") == ["00:10:00 u1 entered again"]


def test_a_split_is_no_wait() -> None:
    """Arriving at a split ends the send step before it, whichever way the user goes then."""
    journey = """
steps:
  - {id: hello, type: send_to_destinations, destinations: [email], next: split}
  - {id: split, name: Bought, type: true_false_split, condition: {event: Buy},
     if_true: {name: ends here}, if_false: {name: ends here too}}
"""
    assert walk(journey, "00:00:00 u1 Start", until="01:00:00") == [
        "00:00:00 u1 entered hello",
        "00:00:00 u1 exited hello (moved_on: Bought)",
    ]
