"""The life of a journey: one table, which everything asks.

Draft files live with their author, who may do with them whatever they like; publishing makes
them live. A paused journey lets no one in; users in flight go on, or wait where they are (`hold`).
In a stopped one nothing moves any more, for good. Archiving takes everyone out, with their Exited
messages; an archived journey that is unarchived is paused, and nobody is in it. Retrying changes no
state: it takes users on for whom the journey had failed.
"""

from __future__ import annotations

from enum import StrEnum

from journeystream.errors import CommandRefused


class State(StrEnum):
    """Where in its life a journey is."""

    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    STOPPED = "stopped"
    ARCHIVED = "archived"


TRANSITIONS: dict[State, dict[str, State]] = {
    State.DRAFT: {"publish": State.LIVE},
    State.LIVE: {
        "publish": State.LIVE,
        "pause": State.PAUSED,
        "stop": State.STOPPED,
        "retry": State.LIVE,
        "archive": State.ARCHIVED,
    },
    State.PAUSED: {
        "publish": State.PAUSED,
        "pause": State.PAUSED,
        "resume": State.LIVE,
        "stop": State.STOPPED,
        "retry": State.PAUSED,
        "archive": State.ARCHIVED,
    },
    State.STOPPED: {"archive": State.ARCHIVED},
    State.ARCHIVED: {"unarchive": State.PAUSED},
}


def transition(journey: str, state: State, command: str) -> State:
    """Return the state after the command; CommandRefused where the table has none."""
    allowed = TRANSITIONS[state]
    if command not in allowed:
        choices = ", ".join(allowed)
        if "publish" not in allowed:
            choices += "; or publish it under another id"
        raise CommandRefused(
            f"journey {journey!r} is {state}: {command} is not possible; possible: {choices}"
        )
    return allowed[command]
