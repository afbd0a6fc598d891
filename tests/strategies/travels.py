"""Strategies for what the travel log tells: few users and names, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from journeystream.durations import MICROS
from journeystream.effects import Assigned, Reached, Travel, Travelled
from tests.strategies.small_world import START

DAY = 86_400 * MICROS
NAMES = st.sampled_from(["", "a", "b", 'with "quotes", and\nlines', "Ünï|côde", "NULL", "1"])
USERS = st.sampled_from([f"u{number}" for number in range(12)])
JOURNEYS = st.sampled_from(["j", "k"])
PATHS = st.sampled_from(["control", "offer", "gift"])
INSTANTS = st.one_of(
    # Some lie where the windows of 7, 30 and 90 days end.
    st.sampled_from([START - days * DAY + ms * 1_000 for days in (7, 30, 90) for ms in (-1, 0, 1)]),
    st.integers(-100 * 86_400_000, 1_000).map(lambda ms: START + ms * 1_000),
)
SPANS = st.integers(0, 40 * 86_400_000).map(lambda ms: ms * 1_000)
ENDS = ("complete", "exit", "orphan")


@st.composite
def _stages(draw: st.DrawFn) -> Travelled:
    at = draw(INSTANTS)
    stage = draw(st.sampled_from(["start", "mail", "wait", *ENDS]))
    # A step may be called like a stage, and `exit` is a type of steps too.
    step = stage in ("mail", "wait") or draw(st.booleans())
    way, tested = draw(NAMES) if step else "", draw(st.booleans())
    held = draw(st.lists(st.sampled_from(["bought", "left us"]), unique=True, max_size=2))
    names = "|".join(held) if stage == "exit" and not step else ""
    parent = draw(st.sampled_from(["start", "split"])) if step else ""
    return Travelled(
        draw(USERS),
        at,
        draw(JOURNEYS),
        draw(NAMES),
        draw(st.integers(1, 3)),
        f"i{draw(st.integers(0, 9))}",
        stage,
        draw(NAMES) if step else stage,
        draw(st.sampled_from(["send_to_destinations", "exit"])) if step else stage,
        parent,
        draw(NAMES) if step else "",
        "" if tested else way,
        way if tested else "",
        draw(st.booleans()),
        draw(st.booleans()),
        names,
        names,
        "",  # the log does not tell it
        draw(st.none() | SPANS.map(lambda span: at - span)),
    )


@st.composite
def _goals(draw: st.DrawFn) -> Reached:
    at, split = draw(INSTANTS), draw(st.sampled_from(["", "test"]))
    path = draw(PATHS) if split else ""
    return Reached(
        draw(USERS),
        at,
        draw(JOURNEYS),
        draw(st.integers(1, 3)),
        f"i{draw(st.integers(0, 9))}",
        f"{split}.paid" if split else draw(st.sampled_from(["paid", "came back"])),
        at - draw(SPANS),
        split,
        path,
        is_control=path == "control",
    )


@st.composite
def _paths(draw: st.DrawFn) -> Assigned:
    at, path = draw(INSTANTS), draw(PATHS)
    return Assigned(
        draw(USERS),
        at,
        draw(JOURNEYS),
        draw(st.integers(1, 3)),
        f"i{draw(st.integers(0, 9))}",
        at - draw(SPANS),
        "test",
        path,
        is_control=path == "control",
    )


def travels() -> st.SearchStrategy[Travel]:
    """Draw one thing that the travel log tells, with times in whole milliseconds."""
    return st.one_of(_stages(), _goals(), _paths())


def travel_logs() -> st.SearchStrategy[list[Travel]]:
    """Draw a travel log."""
    return st.lists(travels(), max_size=40)
