"""Conditions as they are written: leaves about events and traits, and small trees of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from tests.strategies.small_world import EVENT_NAMES, WINDOWS


def _where() -> st.SearchStrategy[dict[str, Any]]:
    wanted = st.one_of(
        st.integers(0, 2),
        st.builds(lambda number: {"at_least": number}, st.integers(0, 2)),
        st.just({"exists": False}),
    )
    return st.one_of(st.just({}), st.just({}), st.builds(lambda value: {"n": value}, wanted))


def _counts() -> st.SearchStrategy[dict[str, Any]]:
    number = st.integers(0, 2)
    return st.one_of(
        st.just({}),
        st.builds(lambda n: {"at_least": n + 1}, number),
        st.builds(lambda n: {"at_most": n}, number),
        st.builds(lambda n: {"exactly": n}, number),
        st.builds(lambda low, more: {"between": [low, low + more]}, number, number),
    )


@st.composite
def event_leaves(
    draw: st.DrawFn, *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> dict[str, Any]:
    """Draw an event leaf as it is written; `since` says which words are allowed here."""
    leaf: dict[str, Any] = {"event": draw(st.sampled_from((*EVENT_NAMES, "*")))}
    if draw(st.integers(0, 5)) == 0:
        leaf = {"page": "home"}
    if where := draw(_where()):
        leaf["where"] = where
    leaf |= draw(_counts())
    span = draw(st.sampled_from(("ever", "within", "within", "since", "dates")))
    if span == "within":
        leaf["within"] = draw(st.sampled_from(windows))
    elif span == "since" and since:
        leaf["since"] = draw(st.sampled_from(since))
    elif span == "dates":
        leaf["after"] = datetime(2024, 3, 1, draw(st.integers(0, 12)), tzinfo=UTC)
        if draw(st.booleans()):
            leaf["before"] = datetime(2024, 3, 2, draw(st.integers(0, 12)), tzinfo=UTC)
    return leaf


def trait_leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a trait leaf as it is written."""
    return st.sampled_from(
        (
            {"trait": "plan", "equals": "pro"},
            {"trait": "plan", "not_equals": "pro"},
            {"trait": "plan", "exists": True},
            {"trait": "score", "greater_than": 1},
            {"trait": "score", "in": [0, 2]},
        )
    )


def conditions(
    *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a condition as it is written: a leaf, or a small tree of them."""
    leaves = st.one_of(
        event_leaves(since=since, windows=windows),
        event_leaves(since=since, windows=windows),
        trait_leaves(),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda part: {"not": part}, inner),
        ),
        max_leaves=3,
    )


def easy_conditions(since: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw conditions that often hold, so that users get far."""
    easy = st.sampled_from([{"event": name} for name in EVENT_NAMES])
    return st.one_of(easy, easy, conditions(since=since))
