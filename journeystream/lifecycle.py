"""The life of a journey: one table, which everything asks.

draft files live with their author; publishing makes them live. A paused journey lets no one
in, users in flight go on. Archiving takes everyone out, with their Exited messages. Retrying
changes no state: it takes users on for whom the journey had failed.
"""

from __future__ import annotations

from enum import StrEnum

from journeystream.errors import CommandRefused


class State(StrEnum):
    """Where in its life a journey is."""

    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    ARCHIVED = "archived"


TRANSITIONS: dict[State, dict[str, State]] = {
    State.DRAFT: {"publish": State.LIVE},
    State.LIVE: {
        "publish": State.LIVE,
        "pause": State.PAUSED,
        "retry": State.LIVE,
        "archive": State.ARCHIVED,
    },
    State.PAUSED: {
        "publish": State.PAUSED,
        "resume": State.LIVE,
        "retry": State.PAUSED,
        "archive": State.ARCHIVED,
    },
    State.ARCHIVED: {},
}


def transition(journey: str, state: State, command: str) -> State:
    """Return the state after the command; CommandRefused where the table has none."""
    allowed = TRANSITIONS[state]
    if command not in allowed:
        choices = ", ".join(allowed) or "nothing: publish it under another id"
        raise CommandRefused(
            f"journey {journey!r} is {state}: {command} is not possible; possible: {choices}"
        )
    return allowed[command]
