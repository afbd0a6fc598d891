"""Records of users with everything that one can hold: odd ids, any JSON, instants far away."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from journeystream.user import NEVER, Claim, Hold, Instance, Passes, Position, User


def json_values() -> st.SearchStrategy[Any]:
    """Draw whatever can stand in an event: any JSON value, as it is read."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 64) - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=6,
    )


def user_ids() -> st.SearchStrategy[str]:
    """Draw ids as upstream apps write them: with slashes, spaces, other scripts, NUL."""
    odd = st.sampled_from(("a/b", "a b", "ÅÄÖ", "用户", "🙂", "a\0b", "a\x01", "x" * 500, "."))
    return st.one_of(odd, st.text(min_size=1, max_size=12))


def instants() -> st.SearchStrategy[int]:
    """Draw instants, also those before 1970 and the one before all others."""
    return st.one_of(st.just(NEVER), st.integers(-(1 << 61), 1 << 61), st.integers(-3, 3))


def users() -> st.SearchStrategy[User]:
    """Draw records of users with everything that a record can hold."""
    names = st.text(min_size=1, max_size=6)
    ids = st.text("ab1-_", min_size=1, max_size=4)
    holds = st.builds(Hold, ids, st.integers(1, 9), st.lists(names, max_size=2))
    positions = st.builds(
        Position,
        step=st.none() | ids,
        since=instants(),
        hold=st.none() | holds,
        taken=st.lists(names, max_size=2),
        rounds=st.dictionaries(ids, st.integers(1, 3), max_size=2),
    )
    instances = st.builds(
        Instance,
        journey=ids,
        version=st.integers(1, 9),
        number=st.integers(1, 9),
        entered_at=instants(),
        entry=st.dictionaries(names, json_values(), max_size=2),
        positions=st.lists(positions, max_size=3),
        visits=st.dictionaries(ids, st.integers(1, 9), max_size=2),
        wake=st.none() | instants(),
        key=st.text(max_size=4),
        goals=st.dictionaries(ids, instants(), max_size=1),
        results=st.dictionaries(ids, json_values(), max_size=1),
    )
    passes = st.builds(
        Passes,
        version=st.integers(1, 9),
        qualified=st.booleans(),
        entered=st.integers(0, 9),
        exits=st.dictionaries(names, st.integers(1, 9), max_size=2),
        wake=st.none() | instants(),
        left_at=instants(),
        goals=st.dictionaries(ids, instants(), max_size=1),
        run=st.none() | instants(),
    )
    return st.builds(
        User,
        id=user_ids(),
        anonymous=st.booleans(),
        known_since=instants(),
        clock=instants(),
        traits=st.dictionaries(names, json_values(), max_size=3),
        facts=st.dictionaries(names, st.lists(instants(), max_size=4).map(sorted), max_size=3),
        seen=st.dictionaries(names, instants(), max_size=3),
        passes=st.dictionaries(ids, passes, max_size=2),
        instances=st.lists(instances, max_size=2),
        stuck=st.dictionaries(ids, names, max_size=1),
        values=st.dictionaries(
            names, st.lists(st.tuples(instants(), json_values()), max_size=2), max_size=1
        ),
        changed=st.dictionaries(names, instants(), max_size=1),
        lists=st.dictionaries(ids, instants(), max_size=1),
        sent=st.dictionaries(names, st.lists(instants(), max_size=2), max_size=1),
        claimed=st.lists(user_ids(), max_size=2),
        claim=st.none() | st.builds(Claim, user_ids(), instants(), st.booleans()),
        became=st.just("") | user_ids(),
    )
