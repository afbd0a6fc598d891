"""What can be done in a journey to users who are named: who is refused, and what counts once.

Law: a note's message id is made of what is asked for, the user, and a name of the caller's: `--id`
of a command, the idempotency key of the API. So the same again, because the first time failed
half-way, counts once within `limits.dedup_window`; and what is meant to count anew gets another.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from journeystream.control_log import Head, Published
from journeystream.effects import stable_id
from journeystream.errors import CommandRefused, did_you_mean
from journeystream.events import Enrolled, Moved, Removed
from journeystream.lifecycle import State
from journeystream.steps.merge import closing_merges

_ADVICE = {
    State.PAUSED: "let users in again: journeystream resume {}",
    State.STOPPED: "that is for good; begin another one: journeystream clone {}",
    State.ARCHIVED: "bring it back: journeystream unarchive {0}, then journeystream resume {0}",
}


def enrolled(
    user_id: str, at: int, journey: str, properties: Mapping[str, object], name: str
) -> Enrolled:
    """Return the note by which a user is let in."""
    said = orjson.dumps(properties, option=orjson.OPT_SORT_KEYS).decode()
    message_id = stable_id("enroll", journey, user_id, said, name)
    return Enrolled(user_id, at, journey, properties, message_id)


def removed(user_id: str, at: int, journey: str, key: str | None, name: str) -> Removed:
    """Return the note by which a user is taken out."""
    passes = () if key is None else (key,)
    return Removed(user_id, at, journey, key, stable_id("exit", journey, *passes, user_id, name))


def moved(user_id: str, at: int, journey: str, step: str, name: str) -> Moved:
    """Return the note by which a user is brought to a step."""
    return Moved(user_id, at, journey, step, stable_id("move", journey, step, user_id, name))


def refuse_closed(journey: str, current: Published) -> None:
    """Refuse a journey that lets nobody in; what is sent to it would be gone."""
    head = _head(journey, current)
    if head.state in _ADVICE:
        raise CommandRefused(
            f"journey {journey!r} is {head.state}: nobody enters; "
            f"{_ADVICE[head.state].format(journey)}"
        )


def refuse_left(journey: str, current: Published) -> None:
    """Refuse a journey that nobody can be in."""
    if _head(journey, current).state is State.ARCHIVED:
        raise CommandRefused(
            f"journey {journey!r} is archived: everyone has left it; name another journey"
        )


def refuse_standing(journey: str, step: str, current: Published) -> None:
    """Refuse a journey in which nobody moves any more, and a step that no version has."""
    refuse_left(journey, current)
    if current.heads[journey].state is State.STOPPED:
        raise CommandRefused(
            f"journey {journey!r} is stopped: nobody moves in it any more; "
            f"take users out of it: journeystream exit {journey} USER"
        )
    steps = {
        each.id
        for (id_, _), version in current.versions.items()
        if id_ == journey
        for each in version.definition.steps
        if each.id not in closing_merges(version.definition.steps)
    }
    if step not in steps:
        raise CommandRefused(
            f"journey {journey!r} has no step {step!r}; {did_you_mean(step, steps)}"
        )


def _head(journey: str, current: Published) -> Head:
    head = current.heads.get(journey)
    if head is None:
        raise CommandRefused(
            f"no journey {journey!r} is published; {did_you_mean(journey, current.heads.keys())}"
        )
    return head
