"""Frequency caps: so many in a rolling window, by a slow count."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from journeystream.calendars.caps import MOST_SENT, CompiledCap, free_at, note
from journeystream.durations import Duration
from tests.law_settings import laws

SCOPES = ("journey", "*all")


@st.composite
def caps(draw: st.DrawFn) -> CompiledCap:
    """Draw a small cap."""
    window = Duration(0, draw(st.integers(1, 12)))
    return CompiledCap(draw(st.sampled_from(SCOPES)), draw(st.integers(1, 4)), window)


@laws
@given(
    st.lists(caps(), max_size=3),
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(SCOPES)), max_size=20),
    st.integers(0, 30),
)
def test_free_at_is_the_first_instant_within_all_caps(
    some: list[CompiledCap], noted: list[tuple[int, str]], now: int
) -> None:
    """Counting at every instant finds the same one."""
    sent: dict[str, list[int]] = {}
    for at, scope in sorted(noted):
        if at <= now:
            note(sent, [scope], at)

    def is_free(instant: int) -> bool:
        return all(
            sum(at + cap.window.micros > instant for at in sent.get(cap.scope, ())) < cap.most
            for cap in some
        )

    expected = next(instant for instant in range(now, 100) if is_free(instant))
    assert free_at(some, sent, now, UTC) == expected


def test_no_more_is_noted_than_caps_can_ask_for() -> None:
    """A record keeps the newest instants of a scope only, for each scope once."""
    sent: dict[str, list[int]] = {}
    for now in range(MOST_SENT + 5):
        note(sent, ["a"], now)
    assert sent == {"a": list(range(5, MOST_SENT + 5))}
