"""Users and partition positions as bytes.

Law: the first byte is the version of the form. A reader knows every version up to its own and
brings older ones up to date one version at a time; a newer one is refused with what to do.
Everything after the first byte is JSON, so that a person can read a changelog.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from journeystream.errors import StateError
from journeystream.journeys import Version
from journeystream.user import (
    NEVER,
    Claim,
    Derived,
    Hold,
    Instance,
    Passes,
    Position,
    User,
    stuck_in,
)

USER_FORM = 3  # 2: knows journeys that are stuck; 3: what few users have, by name
_STUCK, _RARE = 8, 9  # the places of what form 1 has not, and of what few have
# What few have stands by name in one more field at the end, as far as it is not this.
_NOTHING: Mapping[str, Any] = {}
_RARE_OF_USERS: Mapping[str, object] = {
    "values": {},
    "changed": {},
    "lists": {},
    "sent": {},
    "past": {},
    "claimed": [],
    "claim": None,
    "became": "",
}
_RARE_OF_PASSES: Mapping[str, object] = {"left_at": NEVER, "goals": {}, "run": None}
_RARE_OF_INSTANCES: Mapping[str, object] = {"key": "", "goals": {}, "results": {}, "paths": {}}
# What taking a record apart raises when its bytes are not what was written.
_DAMAGE = (ValueError, TypeError, AttributeError, LookupError)
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
    """Return a user's record without its id, which is the key."""
    return _encode(
        USER_FORM,
        [
            int(user.anonymous),
            user.known_since,
            user.clock,
            user.traits,
            user.facts,
            user.seen,
            {
                journey: [
                    each.version,
                    int(each.qualified),
                    each.entered,
                    each.exits,
                    each.wake,
                    *_rare(each, _RARE_OF_PASSES),
                ]
                for journey, each in user.passes.items()
            },
            [_instance_fields(instance) for instance in user.instances],
            user.stuck,
            *_rare(user, _RARE_OF_USERS),
        ],
    )


def _rare(owner: object, defaults: Mapping[str, object]) -> tuple[dict[str, object], ...]:
    """Return what the owner has of what few have, in one field, or no field."""
    found = {
        name: value
        for name, default in defaults.items()
        if (value := getattr(owner, name)) != default
    }
    return (found,) if found else ()


def decode_user(user_id: str, data: bytes) -> User:
    """Read a user's record; StateError when this version can not."""
    try:
        return _decode_user(user_id, data)
    except _DAMAGE as error:
        raise _damaged(f"the record of user {user_id!r}", error) from error


def _decode_user(user_id: str, data: bytes) -> User:
    fields = _decode(data, USER_FORM)
    if data[0] == 1:
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
        known_since=known_since,
        clock=clock,
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


def derived_of(user_id: str, data: bytes) -> Derived:
    """Return what follows from a record, as its user's `derived` does, without making the user.

    Recovery reads millions of records, and asks nothing else of them.
    """
    try:
        return _derived_of(_decode(data, USER_FORM))
    except _DAMAGE as error:
        raise _damaged(f"the record of user {user_id!r}", error) from error


def _derived_of(fields: list[Any]) -> Derived:
    passes, instances, stuck = fields[6], fields[7], fields[8] if len(fields) > _STUCK else {}
    wakes = [
        wake
        for journey, (_, _, _, _, wake, *_) in passes.items()
        if wake is not None and journey not in stuck
    ]
    if len(fields) > _RARE and "claim" in fields[_RARE]:
        wakes.append(fields[_RARE]["claim"]["at"])
    places = [(stuck_in(journey), "") for journey in stuck]
    for journey, _, _, _, _, positions, _, wake, *_ in instances:
        if wake is not None and journey not in stuck:
            wakes.append(wake)
        for step, _since, hold, *_more in positions:
            places.append((journey, step or (hold[0] if hold else "")))
    return Derived(min(wakes, default=None), frozenset(places))


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


def _instance_fields(instance: Instance) -> list[object]:
    return [
        instance.journey,
        instance.version,
        instance.number,
        instance.entered_at,
        instance.entry,
        [
            [
                each.step,
                each.since,
                [each.hold.step, each.hold.visit, each.hold.destinations] if each.hold else None,
                each.taken,
                *((each.rounds,) if each.rounds else ()),
            ]
            for each in instance.positions
        ],
        instance.visits,
        instance.wake,
        *_rare(instance, _RARE_OF_INSTANCES),
    ]


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


def _damaged(what: str, error: Exception) -> StateError:
    return StateError(
        f"{what} is damaged ({error}); remove the state directory: the changelog rebuilds it. If "
        f"it is damaged there too, produce that record anew from a backup"
    )


def _encode(form: int, fields: list[object]) -> bytes:
    return bytes((form,)) + orjson.dumps(fields)


def _decode(data: bytes, newest: int) -> list[Any]:
    if not data or not 1 <= data[0] <= newest:
        found = data[0] if data else "none"
        raise StateError(
            f"a stored record has form {found}, this version reads forms up to {newest}; "
            f"run the version that wrote it, or a newer one"
        )
    fields: list[Any] = orjson.loads(data[1:])
    return fields
