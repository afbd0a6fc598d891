"""journeys/trial.yaml once more, in plain Python: no engine, no conditions, no partitions.

A second opinion on the oracle, which shares the engine with the workers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from journeystream.durations import iso, parse_instant

_DAY = 86_400_000_000
_WAITS = {"welcome": 5 * _DAY, "chosen": 2 * _DAY, "nudge": _DAY}
Told = tuple[str, str, str, str]  # user, entered or exited, step, time


@dataclass
class _Trial:
    """One user's trial: the step where they are (none: outside), and since when."""

    user: str
    step: str = ""
    since: int = 0

    def until(self, at: int) -> Iterator[Told]:
        """Let happen what is due."""
        while self.step and (due := self.since + _WAITS[self.step]) <= at:
            yield from self.go("nudge" if self.step == "welcome" else "", due)

    def take(self, event: str, at: int) -> Iterator[Told]:
        """Apply an event."""
        yield from self.until(at)
        if event == "Trial Started" and not self.step:
            yield from self.go("welcome", at)
        elif event == "Plan Chosen" and self.step == "welcome":
            yield from self.go("chosen", at)
        elif event == "Trial Cancelled" and self.step:
            yield from self.go("", at)

    def go(self, step: str, at: int) -> Iterator[Told]:
        """Leave the step, and go to another or out."""
        if self.step:
            yield self.user, "exited", self.step, iso(at)
        self.step, self.since = step, at
        if step:
            yield self.user, "entered", step, iso(at)


def plain_trial(log: Iterable[bytes], end: str) -> dict[str, list[Told]]:
    """Return what the trial's steps must have told of each user, in order."""
    trials: dict[str, _Trial] = {}
    told: dict[str, list[Told]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for value in log:
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError:
            continue
        if event["type"] != "track" or (event["userId"], event["messageId"]) in seen:
            continue
        user = event["userId"]
        seen.add((user, event["messageId"]))
        trial = trials.setdefault(user, _Trial(user))
        told[user] += trial.take(event["event"], parse_instant(event["timestamp"]))
    for user, trial in trials.items():
        told[user] += trial.until(parse_instant(end))
    return {user: moves for user, moves in told.items() if moves}
