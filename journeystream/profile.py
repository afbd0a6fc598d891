"""A user's profile: what an identify changes in it, and how big it may get."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from journeystream.comparisons import MISSING, at_path
from journeystream.events import Event
from journeystream.user import NEVER, User

# A user's record is written whole with each change and has to fit into a changelog record.
_LARGEST_PROFILE = 4 * 1024 * 1024


def changed_traits(user: User, event: Event) -> list[str]:
    """Return the traits that an event would change."""
    if event.kind != "identify":
        return []
    traits = user.traits
    return [
        name
        for name, value in event.properties.items()
        if name not in traits or not _alike(traits[name], value)
    ]


def change_traits(
    user: User, event: Event, traits: Collection[str], watched: Collection[str], came: int
) -> None:
    """Take traits over from an event; ValueError when the profile would be too big.

    When what a `watched` path leads to is another value then, that is noted as its last change.
    """
    before = [at_path(user.traits, path.split(".")) for path in watched]
    for trait in traits:
        user.traits[trait] = event.properties[trait]
    for path, value in zip(watched, before, strict=True):
        if not _alike(at_path(user.traits, path.split(".")), value):
            user.changed[path] = max(came, user.changed.get(path, NEVER))
    if len(orjson.dumps(user.traits)) > _LARGEST_PROFILE:
        raise ValueError(f"the user's traits would be more than {_LARGEST_PROFILE} bytes")


def _alike(left: object, right: object) -> bool:
    """Compare JSON values: 1 is not true, however deep inside."""
    if left is MISSING or right is MISSING:
        return left is right
    return left == right and orjson.dumps(left) == orjson.dumps(right)
