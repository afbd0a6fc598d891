"""`percent_split`: chance decides once and for all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from itertools import permutations
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.steps.percent_split import PercentSplit
from tests.law_settings import laws
from tests.walking import walk

USERS = 100_000
PATHS = [
    {"name": "new", "share": 12.5},
    {"name": "old", "share": 20.17, "control": True},
    {"name": "other", "share": 67.33},
]


def split(paths: object = PATHS, **more: object) -> PercentSplit:
    """Read a split."""
    return PercentSplit.model_validate(
        {"id": "split", "type": "percent_split", "paths": paths, **more}
    )


def test_each_path_gets_its_share() -> None:
    """Over 100,000 users each share is met within three standard deviations."""
    drawn = split()
    counts = Counter(drawn.path_of(f"user-{n}", "journey").name for n in range(USERS))
    for path in drawn.paths:
        share = path.share / 100
        assert abs(counts[path.name] - USERS * share) < 3 * sqrt(USERS * share * (1 - share))


def test_journeys_and_steps_draw_on_their_own() -> None:
    """Where a user goes in one split says nothing about another one."""
    half = [{"name": "a", "share": 50}, {"name": "b", "share": 50}]
    one = split(half)
    other = one.model_copy(update={"id": "another"})
    same_way = {"step": 0, "journey": 0}
    for user in map(str, range(10_000)):
        way = one.path_of(user, "journey")
        same_way["step"] += way == other.path_of(user, "journey")
        same_way["journey"] += way == one.path_of(user, "other")
    for count in same_way.values():
        assert abs(count - 5_000) < 3 * sqrt(10_000 / 4)


@laws
@given(st.text(max_size=20), st.permutations(PATHS))
def test_moving_paths_in_the_file_moves_nobody(user: str, moved: list[object]) -> None:
    """The order in the file does not matter, nor where the paths lead."""
    assert split(moved).path_of(user, "j").name == split().path_of(user, "j").name


def test_a_changed_share_moves_only_who_has_to_move() -> None:
    """Where one path grows at its neighbour's cost, the others' users stay."""
    before = split(
        [{"name": name, "share": share} for name, share in zip("abc", (20, 30, 50), strict=True)]
    )
    after = split(
        [{"name": name, "share": share} for name, share in zip("abc", (25, 25, 50), strict=True)]
    )
    for user in map(str, range(2_000)):
        ways = before.path_of(user, "j").name, after.path_of(user, "j").name
        assert ways[0] == ways[1] or ways == ("b", "a")


def fingerprint() -> str:
    """Return the ways of a few users."""
    return "".join(split().path_of(f"u{n}", "journey").name[1] for n in range(40))


def test_the_ways_stay_over_processes_and_releases() -> None:
    """Another process with other hashes, and any later release, draws the same."""
    script = "from tests.steps.test_percent_split import fingerprint; print(fingerprint())"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert told == fingerprint() == "tltttteltltttelteltttletlttttttettttlllt"


JOURNEY = """
entry: {condition: {event: Start}, reentry: after_exit}
exits: [{name: over, condition: {event: Stop, since: entry}}]
steps:
  - id: split
    type: percent_split
    paths:
      - {name: new, share: 50, next: new}
      - {name: old, share: 50, control: true, next: old}
    goals: [{name: bought, condition: {event: Buy, since: entry}}]
  - {id: new, type: send_to_destinations, destinations: [email]}
  - {id: old, type: send_to_destinations, destinations: [email]}
"""


def test_a_user_takes_the_same_path_at_every_visit() -> None:
    """Whoever enters again goes where they went before."""
    happened = [
        f"{day}d 0{hour}:00:00 u{user} {name}"
        for day in range(1, 4)
        for hour, name in ((1, "Start"), (2, "Stop"))
        for user in range(6)
    ]
    lines = [line.split()[2:5] for line in walk(JOURNEY, *happened) if " entered " in line]
    assert len(lines) == 18
    ways = {(user, way) for user, _, way in lines}
    assert len(ways) == 6
    assert {way for _, way in ways} == {"new", "old"}


@pytest.mark.parametrize(
    ("paths", "more", "told"),
    [
        ([("a", 50), ("b", 49.99)], {}, "the shares sum to 99.99; make it exactly 100"),
        ([("a", 33.333), ("b", 66.667)], {}, "33.333 has more than two decimals"),
        ([("a", 50), ("a", 50)], {}, "are not unique"),
        ([("a", 50), ("b", 50)], {"control": True}, "2 paths are the control"),
    ],
)
def test_what_can_not_be_split(
    paths: list[tuple[str, float]], more: dict[str, object], told: str
) -> None:
    """Shares sum to exactly 100, names are unique, one path at most is the control."""
    with pytest.raises(ValidationError, match=told):
        split([{"name": name, "share": share, **more} for name, share in paths])


def test_goals_need_a_control() -> None:
    """Lift is measured against a control, so goals without one mean nothing."""
    goals = [{"name": "bought", "condition": {"event": "Buy"}}]
    paths = [{"name": "a", "share": 50}, {"name": "b", "share": 50}]
    with pytest.raises(ValidationError, match="control: true"):
        split(paths, goals=goals)
    assert [goal.name for goal in split(goals=goals).goals] == ["bought"]


def test_shares_with_decimals_sum_exactly() -> None:
    """Decimals are counted in hundredths: no rounding error refuses what sums to 100."""
    for shares in permutations((0.1, 0.2, 33.33, 66.37)):
        names = "abcd"
        paths = [{"name": n, "share": s} for n, s in zip(names, shares, strict=True)]
        assert sum(path.hundredths for path in split(paths).paths) == 10_000
