"""Where a value comes from: `traits.PATH`, `entry.PATH`, `results.PATH`, `text.ANYTHING`.

Law: looking never fails; what is not there is MISSING. `entry` is the event that opened the
instance, of which only the properties that the journey asks for are kept. `results` are what
decide steps stored; a number in the path is a place in a list, from 0. `text` is the rest itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from journeystream.calendars.wall_clock import zone_named
from journeystream.comparisons import MISSING, at_path
from journeystream.user import Instance, User

SOURCES = ("traits.", "entry.", "results.", "text.")
SOURCE_PATTERN = r"^(traits|entry|results|text)\..+$"
DATE_PATTERN = r"^(traits|entry|results)\..+$"


def look_up(source: str, user: User, instance: Instance | None) -> object:
    """Return the value of a source, or MISSING."""
    origin, _, path = source.partition(".")
    if origin == "text":
        return path
    if origin == "traits":
        return at_path(user.traits, path.split("."))
    if instance is None:
        return MISSING
    if origin == "entry":
        return instance.entry.get(path, MISSING)
    return _inside(instance.results, path.split("."))


def _inside(value: object, path: Sequence[str]) -> object:
    for name in path:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def traits_in(sources: Iterable[str]) -> frozenset[str]:
    """Return the top-level traits that the sources read."""
    return frozenset(each.split(".")[1] for each in sources if each.startswith("traits."))


def entry_paths_in(sources: Iterable[str]) -> frozenset[str]:
    """Return the properties of the entry event that the sources read."""
    return frozenset(each[len("entry.") :] for each in sources if each.startswith("entry."))


def zone_of(user: User, trait: str | None, otherwise: tzinfo) -> tzinfo:
    """Return the zone that a user's trait names, or `otherwise` where it names none."""
    if trait is None:
        return otherwise
    name = at_path(user.traits, trait.split("."))
    return (zone_named(name) if isinstance(name, str) else None) or otherwise
