"""Score expressions: arithmetic that can not fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeystream.scores import compile_score, sources_of
from journeystream.user import Instance, User
from tests.law_settings import laws
from tests.strategies import json_values

INSTANCE = Instance("j", 1, 1, 0, entry={"cart.size": 3}, results={"r": [{"score": 2}]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-(1 + 2)", -3),
        ("traits.ltv * 0.5", 50),
        ("traits.a.b", 7),
        ("traits.nowhere + traits.name + traits.member", 1),
        ("entry.cart.size", 3),
        ("max(traits.ltv, 5) + min(1, 2, 3)", 101),
        ("1 / 0", 0),
        ("1e308 * 10", 0),
    ],
)
def test_scores(text: str, expected: float) -> None:
    """Numbers count, true is 1, and what is not there or no number is 0."""
    user = User("u1", traits={"ltv": 100, "a": {"b": 7}, "name": "x", "member": True})
    assert compile_score(text)(user, INSTANCE) == expected


@laws
@given(st.dictionaries(st.sampled_from("ab"), json_values()))
def test_a_score_is_total(traits: dict[str, object]) -> None:
    """Whatever traits are, a score is a number."""
    score = compile_score("traits.a * traits.b / (traits.a - traits.b) + max(traits.a, 1)")
    value = score(User("u1", traits=traits), None)
    assert -1e309 < value < 1e309


@pytest.mark.parametrize(
    "text",
    [
        "",
        "traits",
        "nothing.a",
        "__import__('os')",
        "traits.a.__class__()",
        "[1]",
        "'text'",
        "True",
        "1 if traits.a else 2",
        "2 ** 9",
        "max(1)",
        "max(*traits.a)",
        "(" * 250 + "1" + ")" * 250,
        "1+" * 300 + "1",
        "lambda: 1",
        "1; 2",
        "text.a",
    ],
)
def test_what_is_no_score(text: str) -> None:
    """Only arithmetic can be written."""
    with pytest.raises(ValueError, match="score"):
        compile_score(text)


def test_the_sources_of_a_score() -> None:
    """What a score reads is known before it is asked."""
    assert sources_of("traits.a.b + entry.c * max(traits.d, 1)") == [
        "entry.c",
        "traits.a.b",
        "traits.d",
    ]
