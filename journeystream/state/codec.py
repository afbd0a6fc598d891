"""Users and partition positions as bytes.

Law: the first byte is the version of the form. A reader knows every version up to its own; what
comes out of an older one (earlier_forms.py) is read as if it had been written in the newest. A
newer one is refused with what to do. Everything after the first byte is JSON, so that a person can
read a changelog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from journeystream.errors import StateError
from journeystream.journeys import Version
from journeystream.state.earlier_forms import user_of_array
from journeystream.user import NEVER, User

# 2: knows journeys that are stuck; 3: what few users have, by name; 4: all by name, what is there
USER_FORM = 4
_USER_FORM_BYTE = bytes((USER_FORM,))
_written = msgspec.json.Encoder().encode
_user_in = msgspec.json.Decoder(User).decode
# What taking a record apart raises when its bytes are not what was written.
_DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RecursionError,
    msgspec.MsgspecError,
)
# 2: counts its dead letters; 3: knows whose users it has looked at anew; 4: reads history again
PARTITION_FORM = 4


@dataclass(slots=True)
class Reading:
    """How far a partition's history has been read again, for a version that uses it.

    `positions` are the next offsets by topic, `until` where history ends in each: what came from
    there on was applied when it came. Once all is read, everyone is looked at, by id: `after` is
    the last one who was.
    """

    positions: dict[str, int]
    until: dict[str, int]
    after: str = ""


@dataclass(slots=True)
class PartitionState:
    """Where a partition stands: its clock, and the next offset to apply per source topic.

    `floors` says from which instant each journey version counts; `fronts` how far in event
    time each origin has been read (agents/frontier.py); `changelog` is the next changelog
    offset that this store has not applied (only the local store keeps it); `rejections` counts
    the newest dead letters (agents/rejections.py); `reviewed` says for each journey which of its
    reviews (`Journeys.reviews`) everyone here has had; `readings` are of history, under way.
    """

    clock: int = NEVER
    positions: dict[str, int] = field(default_factory=dict)
    floors: dict[Version, int] = field(default_factory=dict)
    fronts: dict[str, int] = field(default_factory=dict)
    changelog: int = 0
    rejections: list[int] = field(default_factory=list)
    reviewed: dict[str, int] = field(default_factory=dict)
    readings: dict[Version, Reading] = field(default_factory=dict)


def encode_user(user: User) -> bytes:
    """Return a user's record."""
    return _USER_FORM_BYTE + _written(user)


def decode_user(user_id: str, data: bytes) -> User:
    """Read the record that is kept of a user; StateError when this version can not."""
    form = _form(data, USER_FORM)
    try:
        if form < USER_FORM:
            return _user_in(_written(user_of_array(user_id, form, data[1:])))
        user = _user_in(memoryview(data)[1:])
    except _DAMAGE as error:
        raise _damaged(f"the record of user {user_id!r}", error) from error
    if user.id != user_id:
        raise _damaged(f"the record of user {user_id!r}", ValueError(f"it is of {user.id!r}"))
    return user


def encode_partition(state: PartitionState) -> bytes:
    """Return a partition's position as bytes."""
    floors = [[journey, version, at] for (journey, version), at in state.floors.items()]
    return _encode(
        PARTITION_FORM,
        [
            state.clock,
            state.positions,
            floors,
            state.fronts,
            state.changelog,
            state.rejections,
            state.reviewed,
            [
                [*version, each.positions, each.until, each.after]
                for version, each in state.readings.items()
            ],
        ],
    )


def decode_partition(data: bytes) -> PartitionState:
    """Read a partition's position; StateError when this version can not."""
    try:
        return _decode_partition(data)
    except _DAMAGE as error:
        raise _damaged("a partition's record", error) from error


def _decode_partition(data: bytes) -> PartitionState:
    fields = _decode(data, PARTITION_FORM)
    # What earlier forms have not: rejections, reviewed, readings.
    fields += [[], {}, []][data[0] - PARTITION_FORM :] if data[0] < PARTITION_FORM else []
    clock, positions, floors, fronts, changelog, rejections, reviewed, readings = fields
    return PartitionState(
        clock=clock,
        positions=positions,
        floors={(journey, version): at for journey, version, at in floors},
        fronts=fronts,
        changelog=changelog,
        rejections=rejections,
        reviewed=reviewed,
        readings={(journey, version): Reading(*more) for journey, version, *more in readings},
    )


def _damaged(what: str, error: Exception) -> StateError:
    return StateError(
        f"{what} is damaged ({error}); remove the state directory: the changelog rebuilds it. If "
        f"it is damaged there too, produce that record anew from a backup"
    )


def _encode(form: int, fields: list[object]) -> bytes:
    return bytes((form,)) + orjson.dumps(fields)


def _form(data: bytes, newest: int) -> int:
    if not data or not 1 <= data[0] <= newest:
        found = data[0] if data else "none"
        raise StateError(
            f"a stored record has form {found}, this version reads forms up to {newest}; "
            f"run the version that wrote it, or a newer one"
        )
    return data[0]


def _decode(data: bytes, newest: int) -> list[Any]:
    _form(data, newest)
    fields: list[Any] = orjson.loads(data[1:])
    return fields
