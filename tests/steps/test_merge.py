"""`merge`: paths come together, and the instance goes on once."""

from __future__ import annotations

import pytest

from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.project import Limits
from journeystream.steps.merge import without_closing_merges
from journeystream.validation import Known, validate_journey
from tests.strategies import rules_of
from tests.walking import walk

SPLIT = """
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: a, condition: {event: A}, next: first}
      - {name: b, condition: {event: B}, next: second}
  - {id: first, type: send_to_destinations, destinations: [email], next: meet}
  - {id: second, type: send_to_destinations, destinations: [email], next: pause}
  - {id: pause, type: wait_for_duration, duration: 1 hour, next: meet}
  - {id: meet, type: merge, next: after}
  - {id: after, type: send_to_destinations, destinations: [ads]}
"""


# 00:00   01:00                 02:00       03:00
# Start   A: first, merge       B: second   second's path ends at the merge
def test_who_arrives_twice_goes_on_once() -> None:
    """The second position ends at the merge: the send step before it is left, silently."""
    assert walk(
        SPLIT, "00:00:00 u1 Start", "01:00:00 u1 A", "02:00:00 u1 B", until="1d 00:00:00"
    ) == [
        "01:00:00 u1 entered first",
        "01:00:00 u1 exited first (moved_on: meet)",
        "01:00:00 u1 entered after",
        "02:00:00 u1 entered second",
        "03:00:00 u1 exited second (moved_on: meet)",
    ]


def test_the_branches_of_one_instant_go_on_once() -> None:
    """Two branches that come true together meet at once."""
    both = SPLIT.replace("event: B", "event: A")
    lines = walk(both, "00:00:00 u1 Start", "01:00:00 u1 A", until="1d 00:00:00")
    assert [line for line in lines if "entered after" in line] == ["01:00:00 u1 entered after"]


LOOP = """
exits: [{name: enough, condition: {event: Stop}}]
steps:
  - id: split
    type: true_false_split
    condition: {event: A}
    if_true: {next: meet}
    if_false: {next: meet}
  - {id: meet, type: merge, next: sent}
  - {id: sent, type: send_to_destinations, destinations: [email], next: pause}
  - {id: pause, type: wait_for_duration, duration: 1 day, next: split}
"""


def test_a_loop_through_a_merge_goes_on_in_every_round() -> None:
    """A position that comes back begins a new round, and is the first one of it."""
    lines = walk(LOOP, "00:00:00 u1 Start", until="3d 01:00:00")
    assert [line for line in lines if "entered" in line] == [
        "00:00:00 u1 entered sent",
        "1d 00:00:00 u1 entered sent",
        "2d 00:00:00 u1 entered sent",
        "3d 00:00:00 u1 entered sent",
    ]


FORKED_LOOP = """
exits: [{name: enough, condition: {event: Stop}}]
steps:
  - id: split
    type: multi_branch_split
    branches:
      - {name: a, condition: {event: A, within: 1 hour}, next: meet}
      - {name: b, condition: {event: B, within: 1 hour}, next: meet}
    timeout: {after: 2 hours, next: meet}
  - {id: meet, type: merge, next: sent}
  - {id: sent, type: send_to_destinations, destinations: [email], next: pause}
  - {id: pause, type: wait_for_duration, duration: 1 day, next: again}
  - {id: again, type: send_to_destinations, destinations: [email]}
"""


def test_a_fork_before_a_merge_is_one_round() -> None:
    """Whichever branches are taken, and whenever, one position comes out of the merge."""
    lines = walk(
        FORKED_LOOP,
        "00:00:00 u1 Start",
        "00:10:00 u1 A",
        "00:20:00 u1 B",
        until="9d 00:00:00",
    )
    assert [line for line in lines if "entered" in line] == [
        "00:10:00 u1 entered sent",
        "1d 00:10:00 u1 entered again",
    ]


# ── merges that close a journey ───────────────────────────────────────────────────────────


def closing(*steps: dict[str, object]) -> JourneyDefinition:
    """Read a journey of a send step and these."""
    sent = {"id": "sent", "type": "send_to_destinations", "destinations": ["email"], "next": "meet"}
    journey = parse_definition(
        {
            "id": "j",
            "name": "J",
            "entry": {"condition": {"event": "a"}},
            "steps": [sent, *steps],
        },
        "a test's journey",
    )
    assert isinstance(journey, JourneyDefinition)
    return journey


def test_a_closing_merge_is_left_out_with_a_warning() -> None:
    """Nothing follows it, so what led to it ends its path: the user rests in the send step."""
    journey = closing(
        {"id": "meet", "type": "merge", "next": "last"}, {"id": "last", "type": "merge"}
    )
    problems = validate_journey(journey, Known(None, {}, Limits()))
    assert [(problem.path, problem.warning) for problem in problems] == [
        ("steps[1]", True),
        ("steps[2]", True),
    ]
    [compiled] = rules_of(journey).journeys.versions.values()
    assert list(compiled.steps) == ["sent"]


@pytest.mark.parametrize(
    "before",
    [
        {"type": "percent_split", "paths": [{"name": n, "share": 50, "next": "end"} for n in "ab"]},
        {
            "type": "wait_for_condition",
            "condition": {"event": "a", "where": {"next": "end"}},
            "next": "end",
            "timeout": {"after": "1 hour", "next": "end"},
        },
    ],
)
def test_every_way_to_a_closing_merge_ends(before: dict[str, object]) -> None:
    """Ways of every shape end there, and nothing else of their steps changes."""
    journey = closing({"id": "meet", **before}, {"id": "end", "type": "merge"})
    _, step = without_closing_merges(journey.steps)
    assert {target for _, target in step.targets()} == {None}
    assert [each for _, each in step.conditions()] == [
        each for _, each in journey.steps[1].conditions()
    ]


def test_a_journey_does_not_begin_with_a_merge() -> None:
    """No paths lead to the first step, so there is nothing to merge."""
    journey = closing({"id": "meet", "type": "merge", "next": "sent"})
    journey = journey.model_copy(
        update={"entry": journey.entry.model_copy(update={"next": "meet"})}
    )
    problems = validate_journey(journey, Known(None, {}, Limits()))
    assert "the first step is a merge: no paths lead to it" in [each.message for each in problems]
