"""How many dead letters are too many: a worker stops rather than throw a whole topic away.

Laws:

1. Where the log of a partition crosses the bound is a function of its records and of the
   settings; batches and restarts move it nowhere. The row is looked at with every dead letter,
   the share at the end of every thousand records, over the ten newest thousands.
2. The batch that crosses is never committed, and the counts are committed with every other one.
   So starting the worker again and again lets no further letters through; a raised bound does.
3. A share that falls stops nothing: once the producer is mended, a raised bound can be put back.

Records that are neither applied here nor refused (re-keyed ones, clock marks) are fine ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from journeystream.errors import TooManyDeadLetters
from journeystream.sinks.records import OutRecord

_THOUSAND = 1_000
_NEWEST = 10  # thousands


@dataclass(frozen=True, slots=True)
class Bound:
    """`limits.dead_letters_in_a_row` and `limits.dead_letter_share`."""

    in_a_row: int
    share: float


@dataclass(frozen=True, slots=True)
class Rejections:
    """The dead letters among the newest records of a partition.

    `thousands` has one count per full thousand, oldest first; `letters` of the `records` after
    them were refused. `longest` and `worst` tell of the last batch only: its longest row, and
    the thousands in which it brought the share highest.
    """

    in_a_row: int = 0
    records: int = 0
    letters: int = 0
    thousands: tuple[int, ...] = ()
    longest: int = 0
    worst: tuple[int, ...] = ()

    @classmethod
    def of(cls, counts: Sequence[int]) -> Rejections:
        """Read what `counts` wrote; nothing means that nothing was counted yet."""
        in_a_row, records, letters, *thousands = counts or (0, 0, 0)
        return cls(in_a_row, records, letters, tuple(thousands))

    @property
    def counts(self) -> list[int]:
        """What has to be kept from batch to batch."""
        return [self.in_a_row, self.records, self.letters, *self.thousands]

    def after(self, records: int, refused: Sequence[int]) -> Rejections:
        """Return the counts after a batch; `refused` are the places of its letters, in order."""
        row, longest, next_place = self.in_a_row, 0, 0
        for place in refused:
            row = row + 1 if place == next_place else 1
            longest = max(longest, row)
            next_place = place + 1
        thousands, letters = self.thousands, self.letters
        worst: tuple[int, ...] = ()
        begin = 0
        for end in range(_THOUSAND - self.records, records + 1, _THOUSAND):
            before, letters = thousands, letters + _between(refused, begin, end)
            thousands = (*thousands, letters)[-_NEWEST:]
            if _share(thousands) >= max(_share(before), _share(worst)):
                worst = thousands
            begin, letters = end, 0
        return Rejections(
            in_a_row=row if next_place == records else 0,
            records=(self.records + records) % _THOUSAND,
            letters=letters + _between(refused, begin, records),
            thousands=thousands,
            longest=longest,
            worst=worst,
        )

    def check(self, bound: Bound, partition: str, letters: Sequence[OutRecord]) -> None:
        """Raise TooManyDeadLetters if the last batch, which had these letters, was too much."""
        if self.longest > bound.in_a_row:
            found = (
                f"{self.longest:,} dead letters in a row are more than "
                f"limits.dead_letters_in_a_row = {bound.in_a_row}"
            )
        elif _share(self.worst) > bound.share:
            found = (
                f"{sum(self.worst):,} dead letters among its newest "
                f"{len(self.worst) * _THOUSAND:,} records are a larger share than "
                f"limits.dead_letter_share = {bound.share}"
            )
        else:
            return
        raise TooManyDeadLetters(
            f"{partition}: {found}. {_last(letters)}Nothing of this batch was committed. Mend "
            f"what produces them; what is in the topic already goes to the dead letters once "
            f"limits.dead_letters_in_a_row or limits.dead_letter_share is raised: then start "
            f"the worker again"
        )


def _between(places: Sequence[int], begin: int, end: int) -> int:
    return bisect_left(places, end) - bisect_left(places, begin)


def _share(thousands: tuple[int, ...]) -> float:
    return sum(thousands) / (len(thousands) * _THOUSAND) if thousands else 0.0


def _last(letters: Sequence[OutRecord]) -> str:
    if not letters:
        return ""
    error = orjson.loads(letters[-1].value or b"{}")["error"]
    return f"The last one is {error['code']}: {error['text']}. "
