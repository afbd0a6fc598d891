"""A user's profile: what an identify changes in it, and how big it may get."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from journeystream.events import Event
from journeystream.user import User

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


def change_traits(user: User, event: Event, traits: Collection[str]) -> None:
    """Take traits over from an event; ValueError when the profile would be too big."""
    for trait in traits:
        user.traits[trait] = event.properties[trait]
    if len(orjson.dumps(user.traits)) > _LARGEST_PROFILE:
        raise ValueError(f"the user's traits would be more than {_LARGEST_PROFILE} bytes")


def _alike(left: object, right: object) -> bool:
    """Compare JSON values: 1 is not true, however deep inside."""
    return left == right and orjson.dumps(left) == orjson.dumps(right)
