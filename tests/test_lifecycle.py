"""The life of a journey: every cell of the one table, and that the documents show it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from journeystream.errors import CommandRefused
from journeystream.lifecycle import TRANSITIONS, State, transition

ROOT = Path(__file__).parents[1]
COMMANDS = ("publish", "pause", "resume", "stop", "retry", "archive", "unarchive")
ALLOWED = {
    (State.DRAFT, "publish"): State.LIVE,
    (State.LIVE, "publish"): State.LIVE,
    (State.LIVE, "pause"): State.PAUSED,
    (State.LIVE, "stop"): State.STOPPED,
    (State.LIVE, "retry"): State.LIVE,
    (State.LIVE, "archive"): State.ARCHIVED,
    (State.PAUSED, "publish"): State.PAUSED,
    (State.PAUSED, "pause"): State.PAUSED,
    (State.PAUSED, "resume"): State.LIVE,
    (State.PAUSED, "stop"): State.STOPPED,
    (State.PAUSED, "retry"): State.PAUSED,
    (State.PAUSED, "archive"): State.ARCHIVED,
    (State.STOPPED, "archive"): State.ARCHIVED,
    (State.ARCHIVED, "unarchive"): State.PAUSED,
}
FORBIDDEN = [cell for cell in product(State, COMMANDS) if cell not in ALLOWED]


def markdown() -> str:
    """Return the table as the documents show it: a row per state, a column per command."""
    rows = [
        ["a journey that is", *COMMANDS],
        ["---"] * (len(COMMANDS) + 1),
        *([state, *(TRANSITIONS[state].get(name, "-") for name in COMMANDS)] for state in State),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@pytest.mark.parametrize(("state", "command"), ALLOWED)
def test_what_the_table_has_is_possible(state: State, command: str) -> None:
    """Each command leads from each state that allows it to the state of its cell."""
    assert transition("cart", state, command) is ALLOWED[state, command]


@pytest.mark.parametrize(("state", "command"), FORBIDDEN)
def test_what_the_table_lacks_is_refused(state: State, command: str) -> None:
    """A refusal names journey, state and command, and what is possible instead."""
    with pytest.raises(CommandRefused) as refused:
        transition("cart", state, command)
    said, _, possible = str(refused.value).partition("; possible: ")
    assert said == f"journey 'cart' is {state}: {command} is not possible"
    choices = [name for name in COMMANDS if (state, name) in ALLOWED]
    if "publish" not in choices:
        choices[-1] += "; or publish it under another id"
    assert possible == ", ".join(choices)


def test_the_cells_above_are_the_whole_table() -> None:
    """The table has a row for every state, and neither a command nor a cell beyond these."""
    assert set(TRANSITIONS) == set(State)
    cells = {(s, name): to for s, row in TRANSITIONS.items() for name, to in row.items()}
    assert cells == ALLOWED


def test_every_journey_can_be_ended_and_nobody_is_let_in_by_surprise() -> None:
    """From everywhere but the draft it is one command to the end; only `unarchive` leads back."""
    for state in (State.LIVE, State.PAUSED, State.STOPPED):
        assert TRANSITIONS[state]["archive"] is State.ARCHIVED
    assert TRANSITIONS[State.ARCHIVED] == {"unarchive": State.PAUSED}
    assert TRANSITIONS[State.STOPPED] == {"archive": State.ARCHIVED}
    assert State.DRAFT not in {to for row in TRANSITIONS.values() for to in row.values()}


def test_an_unknown_command_is_refused() -> None:
    """A command that no state knows is refused like one that this state does not allow."""
    with pytest.raises(CommandRefused, match="delete is not possible; possible: publish, pause"):
        transition("cart", State.LIVE, "delete")


def test_the_documents_show_the_table() -> None:
    """README.md or docs/rules.md has the table, made from the code, line by line."""
    documents = [ROOT / "README.md", ROOT / "docs" / "rules.md"]
    told = [document.read_text(encoding="utf-8") for document in documents]
    assert any(markdown() in text for text in told), f"paste this into docs/rules.md:\n{markdown()}"
