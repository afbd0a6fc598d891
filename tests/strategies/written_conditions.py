"""Conditions as they are written: leaves about events and traits, and small trees of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from tests.strategies.small_world import EVENT_NAMES, WINDOWS


def _where(since: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    wanted: st.SearchStrategy[Any] = st.one_of(
        st.integers(0, 2),
        st.builds(lambda number: {"at_least": number}, st.integers(0, 2)),
        st.just({"exists": False}),
    )
    if since:
        # Only who has entered can be compared with how they entered.
        entry = ({"equals_entry": "n"}, {"equals_entry": "n", "at_least": 1})
        wanted = st.one_of(wanted, st.sampled_from(entry))
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
    if where := draw(_where(since)):
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


def date_leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a question about a trait that is a date."""
    return st.sampled_from(
        (
            {"trait": "due", "before": "2024-03-02"},
            {"trait": "due", "after": "2024-03-01T06:30:00Z"},
            {"trait": "due", "within_last": "1 day"},
            {"trait": "due", "within_next": "3 hours"},
            {"trait": "due", "within_next": "1 day", "after": "2024-03-02"},
            {"trait": "due", "same_day": "today"},
            {"trait": "due", "same_day": "2024-03-03"},
            {"trait": "due", "anniversary_within": 0},
            {"trait": "due", "anniversary_within": 2},
        )
    )


@st.composite
def change_leaves(
    draw: st.DrawFn, *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> dict[str, Any]:
    """Draw a question about how a trait came to be what it is."""
    trait, value = draw(st.sampled_from((("plan", "pro"), ("plan", "free"), ("score", 2))))
    leaf: dict[str, Any] = {"trait": trait}
    asked = draw(st.sampled_from(("changed", "changed", "changed_to", "has_been")))
    if asked == "has_been":
        return {**leaf, "has_been": value, "for": draw(st.sampled_from(windows))}
    leaf[asked] = value if asked == "changed_to" else draw(st.booleans())
    span = draw(st.sampled_from(("ever", "within", "within", "since")))
    if span == "within":
        leaf["within"] = draw(st.sampled_from(windows))
    elif span == "since" and since:
        leaf["since"] = draw(st.sampled_from(since))
    return leaf


def _one_event(since: tuple[str, ...]) -> st.SearchStrategy[Any]:
    names = st.sampled_from((*EVENT_NAMES, "*"))
    where = _where(since)
    return st.one_of(
        st.sampled_from(EVENT_NAMES),
        st.builds(lambda name, found: {"event": name, "where": found}, names, where),
    )


@st.composite
def ordered_leaves(
    draw: st.DrawFn, *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> dict[str, Any]:
    """Draw an inaction or a sequence as it is written."""
    bound = {"since": draw(st.sampled_from(since))} if bool(since) and draw(st.booleans()) else {}
    one = _one_event(since)
    if draw(st.booleans()):
        inaction = {"did": draw(one), "without": draw(one)}
        return {"inaction": {**inaction, "within": draw(st.sampled_from(windows)), **bound}}
    leaf: dict[str, Any] = {"sequence": draw(st.lists(one, min_size=2, max_size=3)), **bound}
    if draw(st.booleans()):
        leaf["within"] = draw(st.sampled_from(windows))
    return leaf


def conditions(
    *, since: tuple[str, ...] = (), windows: tuple[str, ...] = WINDOWS
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a condition as it is written: a leaf, or a small tree of them."""
    leaves = st.one_of(
        event_leaves(since=since, windows=windows),
        event_leaves(since=since, windows=windows),
        trait_leaves(),
        date_leaves(),
        change_leaves(since=since, windows=windows),
        ordered_leaves(since=since, windows=windows),
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
