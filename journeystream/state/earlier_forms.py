"""Users as they were stored before form 4: as an array, its fields in a fixed order.

1: anonymous, known_since, clock, traits, facts, seen, passes, instances. 2: also where the user is
stuck. 3: and what few have, by name, in one more field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from journeystream.user import NEVER, Claim, Hold, Instance, Passes, Position, User

_WITHOUT_STUCK = 1
_NOTHING: Mapping[str, Any] = {}


def user_of_array(user_id: str, form: int, data: bytes) -> User:
    """Read what stands behind the first byte of a user's record of form 1, 2 or 3."""
    fields: list[Any] = orjson.loads(data)
    if form == _WITHOUT_STUCK:
        fields.append({})
    anonymous, known_since, clock, traits, facts, seen, passes, instances, stuck, *rare = fields
    more: dict[str, Any] = rare[0] if rare else {}
    if "values" in more:
        more["values"] = {
            id_: [(at, value) for at, value in valued] for id_, valued in more["values"].items()
        }
    if "claim" in more:
        more["claim"] = Claim(**more["claim"])
    return User(
        id=user_id,
        anonymous=bool(anonymous),
        # The very constant, which is not written again (a default is left out).
        known_since=NEVER if known_since == NEVER else known_since,
        clock=NEVER if clock == NEVER else clock,
        traits=traits,
        facts=facts,
        seen=seen,
        passes={journey: _passes(*each) for journey, each in passes.items()},
        instances=[_instance(*each) for each in instances],
        stuck=stuck,
        **more,
    )


def _passes(
    version: int,
    qualified: int,
    entered: int,
    exits: dict[str, int],
    wake: int | None,
    rare: Mapping[str, Any] = _NOTHING,
) -> Passes:
    return Passes(version, bool(qualified), entered, exits, wake, **rare)


def _instance(  # noqa: PLR0913, PLR0917  the stored fields, in their stored order
    journey: str,
    version: int,
    number: int,
    entered_at: int,
    entry: dict[str, object],
    positions: list[Any],
    visits: dict[str, int],
    wake: int | None,
    rare: Mapping[str, Any] = _NOTHING,
) -> Instance:
    return Instance(
        journey=journey,
        version=version,
        number=number,
        entered_at=entered_at,
        entry=entry,
        positions=[_position(*each) for each in positions],
        visits=visits,
        wake=wake,
        **rare,
    )


def _position(
    step: str | None,
    since: int,
    hold: list[Any] | None,
    taken: Iterable[str] = (),
    rounds: Mapping[str, int] = _NOTHING,
) -> Position:
    return Position(step, since, Hold(*hold) if hold else None, list(taken), dict(rounds))
