"""How often the workers' group was rebalanced: its generation, as the broker wrote it down."""

from __future__ import annotations

from struct import unpack_from

from tests.integration.world import World

_OFFSETS_TOPIC = "__consumer_offsets"
_GROUP_KEY = 2  # the version of keys that are a group's, not an offset's


def generation_of(world: World) -> int | None:
    """Return the highest generation; None where the broker does not keep it as Kafka does."""
    try:
        records = world.read(_OFFSETS_TOPIC)
    except AssertionError:
        return None
    generations = [
        _generation(record.value() or b"")
        for record in records
        if record.value() and _group(record.key() or b"") == world.app
    ]
    return max(generations, default=None)


def _group(key: bytes) -> str:
    version, length = unpack_from(">hh", key)
    return key[4 : 4 + length].decode() if version == _GROUP_KEY else ""


def _generation(value: bytes) -> int:
    """Read past the version and the protocol's type."""
    _, length = unpack_from(">hh", value)
    (generation,) = unpack_from(">i", value, 4 + max(length, 0))
    return int(generation)
