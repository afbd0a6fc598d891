"""One contestant's run, watched from outside: events per second, CPU, memory.

Law: everybody is measured in the same way, between 5 % and the last event committed, so that
starting, joining and warming up count for nobody. Who is too slow for that is measured on what
was done until the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.processes import Processes, RunFailed, Usage

WARM_UP = 0.05
_LOOK_SECONDS = 0.1
_START_SECONDS = 180.0
_STALL_SECONDS = 60.0


@dataclass(frozen=True)
class Sample:
    """How far a contestant was at a moment of the monotonic clock, in seconds."""

    at: float
    done: int
    usage: Usage


@dataclass(frozen=True)
class Measurement:
    """What was measured between two samples."""

    first: Sample
    last: Sample
    peak_rss: int
    finished: bool

    @property
    def events(self) -> int:
        """How many events were done in the time measured."""
        return self.last.done - self.first.done

    @property
    def seconds(self) -> float:
        """How long that took."""
        return self.last.at - self.first.at

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_micros(self) -> float:
        """CPU microseconds per event."""
        return (self.last.usage.cpu - self.first.usage.cpu) * 1_000_000 / self.events


@dataclass
class Watch:
    """Watches processes until `events` are done by `progress`, or `cap` seconds of work are over.

    `gathered` tells whether all who are to work do so; nothing is measured before. `tell` hears
    of each step forward.
    """

    processes: Processes
    progress: Callable[[], int]
    events: int
    cap: float
    gathered: Callable[[], bool]
    tell: Callable[[int], None]
    _samples: list[Sample] = field(default_factory=list)
    _peak: int = 0

    def measure(self) -> Measurement:
        """Watch to the end. Raises RunFailed for processes that end or stand still."""
        began = time.monotonic()
        all_there = False
        while True:
            sample = self._look()
            patience = _STALL_SECONDS if self._samples else _START_SECONDS
            moved_at = self._samples[-1].at if self._samples else began
            if sample.done > (self._samples[-1].done if self._samples else 0):
                self._samples.append(sample)
                self.tell(sample.done)
                if not all_there and (all_there := self.gathered()):
                    self._samples = self._samples[-1:]
            elif sample.at - moved_at > patience:
                raise RunFailed(f"no progress in {patience:.0f} s, at {sample.done:,} events")
            if sample.done >= self.events:
                return self._measured(finished=True)
            if self._samples and sample.at - self._samples[0].at > self.cap:
                return self._measured(finished=False)
            time.sleep(_LOOK_SECONDS)

    def _look(self) -> Sample:
        if not self.processes.alive:
            raise RunFailed(f"it ended by itself:\n{self.processes.log_end()}")
        # Asked first: a group that has just begun may let us wait for seconds, and work meanwhile.
        done = self.progress()
        usage = self.processes.usage()
        self._peak = max(self._peak, usage.rss)
        return Sample(time.monotonic(), done, usage)

    def _measured(self, *, finished: bool) -> Measurement:
        warm = [sample for sample in self._samples if sample.done >= WARM_UP * self.events]
        measured = warm if len(warm) > 1 else self._samples
        if len(measured) < 2:  # noqa: PLR2004  a beginning and an end
            raise RunFailed("everything was committed at once: nothing can be measured")
        return Measurement(measured[0], measured[-1], self._peak, finished)
