"""The bound on dead letters, against a plain list of what became of each record."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeystream.agents.rejections import Bound, Rejections
from journeystream.errors import TooManyDeadLetters
from journeystream.sinks.dead_letters import Origin, dead_letter
from tests.law_settings import laws

NO_BOUND = Bound(1_000_000, 1.0)
DEFAULT = Bound(1_000, 0.5)
LETTER = dead_letter("dead", Origin("web", 3, 9, 0), b"u", b"{", code="not_json", text="no end")


def logs() -> st.SearchStrategy[list[bool]]:
    """Draw what became of each record (True: refused), in stretches, of any share of letters."""
    stretch = st.tuples(
        st.sampled_from(["good", "bad", "every 2nd", "every 3rd"]), st.integers(1, 3_000)
    )
    every = {"bad": 1, "every 2nd": 2, "every 3rd": 3}

    def spread(stretches: list[tuple[str, int]]) -> list[bool]:
        return [
            kind != "good" and place % every[kind] == 0
            for kind, length in stretches
            for place in range(length)
        ]

    return st.lists(stretch, max_size=8).map(spread)


def bounds() -> st.SearchStrategy[Bound]:
    """Draw bounds that the drawn logs cross, or do not."""
    return st.builds(Bound, st.sampled_from([1, 10, 1_000, 5_000]), st.sampled_from([0.2, 0.5, 1]))


def batch_sizes() -> st.SearchStrategy[list[int]]:
    """Draw how large batches are; empty ones too, which hold but transaction markers."""
    return st.lists(st.integers(0, 4_000), min_size=1, max_size=6).filter(any)


def crossing(log: list[bool], bound: Bound) -> int | None:
    """Return the number of the first record that crosses the bound."""
    for number, refused in enumerate(log):
        read = log[: number + 1]
        row = read[-bound.in_a_row - 1 :]
        if refused and len(row) > bound.in_a_row and all(row):
            return number
        if len(read) % 1_000 == 0:
            share, before = (
                sum(each) / max(len(each), 1) for each in (read[-10_000:], read[:-1_000][-10_000:])
            )
            if share > bound.share and share >= before:
                return number
    return None


@dataclass
class Worker:
    """Applies a log in batches, and keeps from one to the next what a partition commits."""

    log: list[bool]
    applied: int = 0
    counts: tuple[int, ...] = ()

    def take(self, size: int, bound: Bound) -> bool:
        """Apply a batch; False if the bound refused it, and nothing has changed."""
        batch = self.log[self.applied : self.applied + size]
        refused = [place for place, each in enumerate(batch) if each]
        rejections = Rejections.of(self.counts).after(len(batch), refused)
        try:
            rejections.check(bound, "web/3", [LETTER] * len(refused))
        except TooManyDeadLetters:
            return False
        self.applied += len(batch)
        self.counts = tuple(rejections.counts)
        return True

    def go_on(self, sizes: list[int], bound: Bound) -> None:
        """Apply batches of these sizes, over and over, up to the end or to the bound."""
        number = 0
        while self.applied < len(self.log) and self.take(sizes[number % len(sizes)], bound):
            number += 1


@laws
@given(logs(), bounds(), batch_sizes(), batch_sizes())
@example([True] * 1_001, DEFAULT, [1_001], [1])
@example([True] * 1_000, DEFAULT, [1_000], [1])
@example([False] * 8_100 + [True] * 1_900, Bound(5_000, 0.2), [2_500], [1])
@example([False] * 8_950 + [True] * 2_050, Bound(5_000, 0.2), [2_500], [1])
@example([True, False] * 500, Bound(1_000, 0.4), [999], [1])
def test_the_log_alone_says_where_the_worker_stops(
    log: list[bool], bound: Bound, sizes: list[int], others: list[int]
) -> None:
    """Whatever the batches, and however often it starts again: nothing beyond the crossing."""
    crossed = crossing(log, bound)
    worker = Worker(log)
    worker.go_on(sizes, bound)
    for again in (others, sizes, others):
        assert crossed is not None or worker.applied == len(log)
        assert crossed is None or worker.applied <= crossed
        worker.go_on(again, bound)
    worker.go_on([1], bound)
    assert worker.applied == (len(log) if crossed is None else crossed)


@laws
@given(logs(), bounds(), batch_sizes())
def test_a_raised_bound_lets_everything_through(
    log: list[bool], bound: Bound, sizes: list[int]
) -> None:
    """A worker that stopped goes on under a higher bound, to the end, and has counted right."""
    worker, direct = Worker(log), Worker(log)
    worker.go_on(sizes, bound)
    worker.go_on(sizes, NO_BOUND)
    direct.go_on([7_777], NO_BOUND)
    assert (worker.applied, worker.counts) == (len(log), direct.counts)


def test_a_bound_can_be_put_back_once_the_producer_is_mended() -> None:
    """While the share falls it stops nothing, high as it may be; the first relapse does."""
    worker = Worker([True] * 10_000 + [False] * 3_000 + [True] * 1_000)
    while worker.applied < 10_000:
        assert worker.take(500, NO_BOUND)
    worker.go_on([500], Bound(2_000, 0.5))
    assert worker.applied == 13_500


def test_records_that_are_fine_end_a_row() -> None:
    """A batch that holds records and no letter ends the row; one that holds none does not."""
    row = Rejections().after(3, [1, 2])
    assert (row.in_a_row, row.after(0, []).in_a_row, row.after(1, []).in_a_row) == (2, 2, 0)


def test_a_row_inside_a_batch_is_seen() -> None:
    """A batch is too much by any row in it, though an event ends it."""
    with pytest.raises(TooManyDeadLetters):
        Rejections().after(4, [0, 1, 2]).check(Bound(2, 1.0), "web/3", [LETTER])


@pytest.mark.parametrize(
    ("bound", "found"),
    [
        (Bound(1_000, 1.0), "2,000 dead letters in a row are more than"),
        (Bound(9_999, 0.5), "2,000 dead letters among its newest 2,000 records are a larger share"),
    ],
)
def test_the_error_says_what_to_do(bound: Bound, found: str) -> None:
    """It names the partition, the counts, the last letter's reason, and both settings."""
    with pytest.raises(TooManyDeadLetters) as raised:
        Rejections().after(2_000, range(2_000)).check(bound, "web/3", [LETTER])
    told = str(raised.value)
    assert told.startswith(f"web/3: {found}")
    assert f" = {bound.in_a_row if 'row' in found else bound.share}. The last one is" in told
    assert "not_json: no end. Nothing of this batch was committed" in told
    assert "limits.dead_letters_in_a_row or limits.dead_letter_share is raised" in told
