"""How far a partition's clock may move when its events come from several places.

Law: the clock moves only to an instant that every origin has reached. An origin is a source
topic whose events come straight to this partition, or one partition of a source that is
re-keyed: events on their way through the re-keying topic may be older than what is here, so
for these only clock marks count (in live time, only the wall clock once all have caught up).

With a single origin that comes straight here, the log itself is the order, and its events
move the clock one by one (`turn.py`). Not so where replies of a decision service come beside it in
live time (`replies`): they are no origin, as nobody marks a clock there, but what is due waits for
those that came in time. So only the wall clock moves it there, once all have caught up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from journeystream.events import ClockMark, Entry
from journeystream.user import NEVER


@dataclass(frozen=True, slots=True)
class Frontier:
    """The origins of a partition: `straight` topics, and `spread` ones (topic/partition)."""

    straight: frozenset[str]
    spread: frozenset[str] = frozenset()
    replies: bool = False

    def moves(self, topic: str) -> bool:
        """Tell whether the topic's events move the clock one by one."""
        return not self.spread and not self.replies and self.straight == {topic}

    def observe(self, fronts: dict[str, int], topic: str, entries: Iterable[Entry]) -> None:
        """Note in `fronts` how far a batch of a topic has come."""
        for entry in entries:
            if entry is None:
                continue
            origin = entry.origin or topic if isinstance(entry, ClockMark) else topic
            if origin in self.straight or origin in self.spread:
                fronts[origin] = max(entry.at, fronts.get(origin, NEVER))

    def reached(self, fronts: dict[str, int]) -> int:
        """Return the instant that every origin has reached."""
        if self.replies:
            return NEVER
        return min(fronts.get(origin, NEVER) for origin in (*self.straight, *self.spread))


def origin_of(topic: str, partition: int) -> str:
    """Return the name of one partition of a source that is re-keyed."""
    return f"{topic}/{partition}"
