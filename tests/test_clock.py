"""A worker's clock while somebody sets the machine's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeystream.clock import WallClock

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
# Time that passes, and by how much the machine's clock is set after it.
stories = st.lists(
    st.tuples(st.integers(0, 3_600 * SECOND), st.integers(-7_200 * SECOND, 7_200 * SECOND)),
    max_size=20,
)


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.passed = 0
        self.set_by = 0
        self.clock = WallClock(lambda: START + self.passed + self.set_by, lambda: self.passed)

    def live(self, passed: int, set_by: int = 0) -> int:
        """Let time pass, set the clock, and return what the worker takes it for."""
        self.passed += passed
        self.set_by += set_by
        return self.clock.now() * 1_000


@given(stories)
def test_the_clock_never_runs_ahead_of_real_time(story: list[tuple[int, int]]) -> None:
    """Whatever the machine's clock is set to, the worker's is at most a second ahead of the time
    that has really passed."""  # noqa: D205, D209  one sentence
    machine = Machine()
    for passed, set_by in story:
        assert machine.live(passed, set_by) <= START + machine.passed + SECOND


@given(stories)
def test_the_clock_never_runs_ahead_of_the_machines(story: list[tuple[int, int]]) -> None:
    """A clock that is set back is followed, so that timers wait rather than fire early."""
    machine = Machine()
    for passed, set_by in story:
        assert machine.live(passed, set_by) <= START + machine.passed + machine.set_by


def test_a_clock_that_nobody_sets_is_the_machines() -> None:
    """Without steps the two agree, over sleep too."""
    machine = Machine()
    assert machine.live(30 * 86_400 * SECOND) == START + 30 * 86_400 * SECOND


def test_a_clock_that_is_set_right_again_is_followed() -> None:
    """An hour forward is not followed, and when it is taken back all is as before."""
    machine = Machine()
    assert machine.live(SECOND, 3_600 * SECOND) == START + SECOND
    assert machine.live(SECOND, -3_600 * SECOND) == START + 2 * SECOND
