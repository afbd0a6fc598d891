"""How long a journey lasts at most, as a number of days: so decision platforms write it."""

from __future__ import annotations

from journeystream.durations import parse_duration

_DAY = 86_400_000_000  # microseconds


def days_of(said: object) -> float | None:
    """Return a duration in days; None where it has no fixed length, or a draft says no duration."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        return said
    try:
        duration = parse_duration(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return None if duration is None or duration.months else duration.micros / _DAY
