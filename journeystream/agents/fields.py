"""Reading single fields of a message that somebody else wrote; RejectedEvent says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from journeystream.durations import parse_instant
from journeystream.errors import RejectedEvent

_SHOWN = 80


def text_or_none(message: Mapping[str, object], field: str) -> str | None:
    """Return a text, or None where there is none."""
    value = message.get(field)
    if value is not None and not isinstance(value, str):
        raise RejectedEvent("wrong_type", f"{field} is {shown(value)}, which is no text")
    return value


def object_of(message: Mapping[str, object], field: str) -> Mapping[str, object]:
    """Return an object; an empty one where there is none."""
    value = message.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RejectedEvent("wrong_type", f"{field} is {shown(value)}, which is no object")
    return value


def instant_of(message: Mapping[str, object], field: str, default: int | None) -> int:
    """Return an ISO 8601 time as an instant; the default, if there is one, where there is none."""
    value = message.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise RejectedEvent("bad_time", f"{field} is {shown(value)}, which is no ISO 8601 time")
    try:
        return parse_instant(value)
    except (ValueError, OverflowError):
        raise RejectedEvent(
            "bad_time", f"{field} is {shown(value)}, which is no ISO 8601 time"
        ) from None


def is_deeper(value: object, levels: int) -> bool:
    """Tell whether a value is nested deeper than so many levels."""
    if isinstance(value, dict):
        inside: Iterable[object] = value.values()
    elif isinstance(value, list):
        inside = value
    else:
        return False
    return levels == 0 or any(is_deeper(each, levels - 1) for each in inside)


def shown(value: object) -> str:
    """Show a value to a person, shortened."""
    return repr(value)[:_SHOWN]
