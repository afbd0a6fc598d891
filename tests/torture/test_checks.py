"""The torture's own checks must see what is wrong: each is shown a story with one fault in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from journeystream.effects import instance_id, stable_id
from tests.torture.fleet import Tally
from tests.torture.load import END, records
from tests.torture.plain_trial import plain_trial
from tests.torture.plan import EXACTLY_ONCE, counted, long_form, plan
from tests.torture.torture import missed
from tests.torture.travel import Move, faults
from tests.torture.verdict import journeys, outputs_differ

Story = list[Move]


def move(change: str, step: str, at: int, *, number: int = 1, why: str = "") -> Move:
    """Return what the trial's destination is told; `why` is the reason, and its detail."""
    instance = instance_id("trial", "u1", number, 0)
    reason, _, detail = why.partition(": ")
    return Move(
        topic="in-app",
        user="u1",
        journey="trial",
        instance=instance,
        step=step,
        key=f"j_o_trial__{step}",
        message_id=stable_id("trial", "1", instance, step, "1", change),
        at=at * 1_000_000,
        entered=change == "entered",
        reason=reason,
        detail=detail,
    )


def story() -> Story:
    """Return a trial that is nudged, and another that is cancelled."""
    return [
        move("entered", "welcome", 0),
        move("exited", "welcome", 5, why="moved_on: Nudge"),
        move("entered", "nudge", 5),
        move("exited", "nudge", 6, why="exit_step: Done"),
        move("entered", "welcome", 7, number=2),
        move("exited", "welcome", 8, number=2, why="exit_condition: cancelled"),
    ]


def test_a_right_story_has_no_faults() -> None:
    """What the engine would tell passes."""
    assert list(faults(story(), journeys())) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda told: [told[0], *told], "entered twice"),
        (lambda told: [*told[:2], told[1], *told[2:]], "exited twice"),
        (lambda told: told[:3] + told[4:], "the one before was not exited from"),
        (lambda told: [told[0], *told[4:]], "entered twice"),
        (lambda told: [told[0], replace(told[1], detail="Done"), *told[2:]], "does not lead to"),
        (lambda told: [replace(told[0], message_id="?"), *told[1:]], "is not visit 1"),
        (lambda told: [*told, move("entered", "chosen", 9, number=2)], "after its end"),
        (lambda told: [*told[:4], replace(told[4], at=1), told[5]], "before the one before ends"),
    ],
)
def test_a_wrong_story_is_seen(spoil: Callable[[Story], Story], fault: str) -> None:
    """A repeat, a loss, a way that does not exist and an end that is none are each told."""
    found = "; ".join(faults(spoil(story()), journeys()))
    assert fault in found


@pytest.mark.parametrize(
    ("found", "how"),
    [
        ([b"1"], "1 lost"),
        ([b"1", b"2", b"2"], "1 too many"),
        ([b"2", b"1"], "in another order"),
        ([], "2 lost"),
    ],
)
def test_outputs_that_differ_are_seen(found: list[bytes | None], how: str) -> None:
    """Lost, repeated and reordered outputs are told as such."""
    (told,) = outputs_differ({("email", b"u1"): found}, {("email", b"u1"): [b"1", b"2"]})
    assert how in told


def test_blows_that_did_not_land_are_told() -> None:
    """A plan of which nothing happened misses every kind of blow; one that happened misses none."""
    actions = plan(7, long_form(100))
    told = list(missed(actions, Tally(), broker_restarts=0))
    assert len(told) == len(EXACTLY_ONCE.steps) + 4
    tally = Tally(crashes=Counter(EXACTLY_ONCE.steps), zombies=1, frozen_in_commit=1, deleted=1)
    assert list(missed(actions, tally, counted(actions, "kill broker") * 2 + 1)) == []


def test_a_load_is_a_function_of_its_seed() -> None:
    """The same seed makes the same bytes, another makes others; there are trials in it."""
    load = list(records(7, 3_000))
    assert load == list(records(7, 3_000)) != list(records(8, 3_000))
    assert len(plain_trial((record.value for record in load), END)) > 20


def test_a_plan_is_a_function_of_its_seed() -> None:
    """The same seed plans the same, another plans otherwise; all that is wanted is planned."""
    wanted = long_form(100)
    actions = plan(7, wanted)
    assert actions == plan(7, wanted) != plan(8, wanted)
    assert counted(actions, "kill") == 100
    assert counted(actions, "freeze") == wanted.zombies
    assert {action.step for action in actions if action.kind == "crash"} == set(EXACTLY_ONCE.steps)
