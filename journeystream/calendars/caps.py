"""Frequency caps: so many in a rolling window of time, and no more.

Law: a cap holds an instant from then until just before then + window, as conditions' windows do.
It reads the instants that were noted for its scope (`User.sent`, ascending), the newest
MOST_SENT of them; so it can not ask for more. Whoever shares a scope may have other caps on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from journeystream.durations import Duration

MOST_SENT = 100


@dataclass(frozen=True, slots=True)
class CompiledCap:
    """At most `most` of a scope within `window`."""

    scope: str
    most: int
    window: Duration

    def free_at(self, sent: Sequence[int], now: int, zone: tzinfo) -> int:
        """Return the first instant at or after `now` at which one more is within the cap."""
        if len(sent) < self.most:
            return now
        # Months differ in length: what came later can leave the window earlier.
        ends = sorted(self.window.after(instant, zone) for instant in sent)
        return max(now, ends[-self.most])


def free_at(
    caps: Iterable[CompiledCap], sent: Mapping[str, Sequence[int]], now: int, zone: tzinfo
) -> int:
    """Return the first instant at or after `now` that is within all of the caps."""
    return max((cap.free_at(sent.get(cap.scope, ()), now, zone) for cap in caps), default=now)


def note(sent: dict[str, list[int]], scopes: Iterable[str], now: int) -> None:
    """Note that something counted for these scopes."""
    for scope in scopes:
        instants = sent.setdefault(scope, [])
        instants.append(now)
        del instants[:-MOST_SENT]
