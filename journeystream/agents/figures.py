"""What a partition tells of its turns, as metrics.

Law: it costs a few additions a turn, whatever the turn has in it. What is told of the partition as
it is now ends with it: else two workers would tell of one partition, and one of them wrongly.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import AbstractContextManager

from journeystream import metrics
from journeystream.agents.intake import ENGINE_FAILED, Intake
from journeystream.turn import Turn

_log = logging.getLogger(__name__)
_MICROS = 1_000_000
_NOW = (
    metrics.CLOCK,
    metrics.EVENT_LAG,
    metrics.HISTORY_LEFT,
    metrics.LAG,
    metrics.RESTORE_LEFT,
    metrics.STATE_BYTES,
    metrics.STATE_ROWS,
    metrics.TIMERS_OVERDUE,
)


class Figures:
    """The figures of one partition, from when it is taken over until it is let go."""

    def __init__(self, partition: int) -> None:
        self._partition = partition

    def timed(self) -> AbstractContextManager[object]:
        """Measure the turn of a batch, from its records to its commit."""
        return metrics.TURN_SECONDS.labels(self._partition).time()

    def sorted(self, intake: Intake, failed: int) -> None:
        """Tell what became of a batch's records, `failed` of them events that the engine refused.

        Only once its turn is committed: what is taken again is not told again.
        """
        for outcome, count in (
            ("rejected", len(intake.letters)),
            ("rekeyed", len(intake.rekeyed)),
            ("applied", intake.applied),
        ):
            metrics.EVENTS.labels(self._partition, outcome).inc(count)
        for code, count in Counter((*intake.codes, *(ENGINE_FAILED,) * failed)).items():
            metrics.DEAD_LETTERS.labels(self._partition, code).inc(count)

    def committed(self, turn: Turn) -> None:
        """Tell what a turn has made true."""
        for change, count in Counter(effect.change for effect in turn.effects).items():
            metrics.EFFECTS.labels(self._partition, change).inc(count)
        metrics.CLOCK.labels(self._partition).set(max(turn.clock, 0) / _MICROS)

    def fired(self, micros_late: int) -> None:
        """Tell how late a turn of time alone began with what was due."""
        metrics.TIMER_LATENESS.labels(self._partition).observe(micros_late / _MICROS)

    def failed(self, turn: Turn) -> None:
        """Tell, and log, what the engine failed on: a fault of ours each."""
        for failure in turn.failures:
            _log.error("the engine failed on %r", failure.happening, exc_info=failure.error)
            metrics.FAILURES.labels(self._partition, failure.error.journey).inc()

    def end(self) -> None:
        """Tell nothing of the partition any more but what it has done here."""
        for gauge in _NOW:
            gauge.remove_by_labels({"partition": str(self._partition)})
