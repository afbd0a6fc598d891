"""A user's profile: what an identify or a step changes in it, and how big it may get.

An operation that does not fit does nothing: a text is not incremented, and what is no list gets
no entry. A trait that is not there counts as 0, or as an empty list. A list takes each value once.
A path leads into nested traits, and makes them where they are missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import isfinite
from typing import TypeGuard

import orjson

from journeystream.comparisons import MISSING, at_path
from journeystream.events import Event
from journeystream.steps.contract import Operation
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
    before = _values(user, watched)
    for trait in traits:
        user.traits[trait] = event.properties[trait]
    _note_changes(user, watched, before, came)
    _check_size(user)


def fill_in(user: User, traits: Mapping[str, object], changed: Mapping[str, int]) -> None:
    """Take over the traits that the user has not, each with its last changes; all, or none.

    They are left out where the profile would be too big.
    """
    missing = {name: value for name, value in traits.items() if name not in user.traits}
    filled = {**user.traits, **missing}
    if _size(filled) > _LARGEST_PROFILE:
        return
    user.traits = filled
    for path, at in changed.items():
        if path.partition(".")[0] in missing:
            user.changed[path] = max(at, user.changed.get(path, NEVER))


def traits_in(operations: Iterable[Operation]) -> list[str]:
    """Return the top-level traits that operations may change."""
    names = (each.name for each in operations if not each.verb.endswith("_audience"))
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def lists_in(operations: Iterable[Operation]) -> list[str]:
    """Return the static audiences that operations may change."""
    names = (each.name for each in operations if each.verb.endswith("_audience"))
    return list(dict.fromkeys(names))


def operate(
    user: User, operations: Iterable[Operation], watched: Collection[str], now: int
) -> tuple[dict[str, object], dict[str, bool]]:
    """Change the profile; return the traits that changed (None: removed) and the audiences.

    `watched` is as in `change_traits`. ValueError when the profile would be too big.
    """
    before, seen = dict(user.traits), _values(user, watched)
    audiences: dict[str, bool] = {}
    for operation in operations:
        name = operation.name
        if operation.verb == "add_to_audience" and name not in user.lists:
            user.lists[name], audiences[name] = now, True
        elif operation.verb == "remove_from_audience" and name in user.lists:
            del user.lists[name]
            audiences[name] = False
        elif not operation.verb.endswith("_audience"):
            path = name.split(".")
            value = _outcome(operation, at_path(user.traits, path))
            _put(user.traits, path, value)
    _note_changes(user, watched, seen, now)
    _check_size(user)
    changed = {
        name: user.traits.get(name)
        for name in sorted({*before, *user.traits})
        if name not in before
        or name not in user.traits
        or not _alike(before[name], user.traits[name])
    }
    return changed, audiences


def _values(user: User, paths: Iterable[str]) -> list[object]:
    return [at_path(user.traits, path.split(".")) for path in paths]


def _note_changes(user: User, watched: Iterable[str], before: list[object], at: int) -> None:
    """Note when watched values changed, never before their change before."""
    for path, value in zip(watched, before, strict=True):
        if not _alike(at_path(user.traits, path.split(".")), value):
            user.changed[path] = max(at, user.changed.get(path, NEVER))


def _outcome(operation: Operation, old: object) -> object:
    """Return what a trait becomes; MISSING: nothing."""
    value = operation.value
    match operation.verb:
        case "set":
            return value
        case "unset":
            return MISSING
        case "increment" | "decrement":
            return _counted(old, value, 1 if operation.verb == "increment" else -1)
    entries = [] if old is MISSING else old
    if not isinstance(entries, list):
        return old
    if operation.verb == "add_to_list":
        there = any(_alike(entry, value) for entry in entries)
        return entries if there else [*entries, value]
    return old if old is MISSING else [entry for entry in entries if not _alike(entry, value)]


def _counted(old: object, amount: object, sign: int) -> object:
    start = 0 if old is MISSING else old
    if not _is_number(start) or not _is_number(amount):
        return old
    total = start + sign * amount
    fits = isfinite(total) if isinstance(total, float) else abs(total) < 1 << 63
    return total if fits else old


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _put(traits: dict[str, object], path: list[str], value: object) -> None:
    """Set or remove what a path leads to; what is nested is copied, as others may hold it."""
    name, *rest = path
    if rest:
        inner = traits.get(name)
        if value is MISSING and not isinstance(inner, Mapping):
            return
        nested = dict(inner) if isinstance(inner, Mapping) else {}
        _put(nested, rest, value)
        traits[name] = nested
    elif value is MISSING:
        traits.pop(name, None)
    else:
        traits[name] = value


def _check_size(user: User) -> None:
    if _size(user.traits) > _LARGEST_PROFILE:
        raise ValueError(f"the user's traits would be more than {_LARGEST_PROFILE} bytes")


def _size(traits: Mapping[str, object]) -> int:
    return len(orjson.dumps(traits))


def _alike(left: object, right: object) -> bool:
    """Compare JSON values: 1 is not true, however deep inside."""
    if left is MISSING or right is MISSING:
        return left is right
    return left == right and orjson.dumps(left) == orjson.dumps(right)
