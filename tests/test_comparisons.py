"""The operators of `where` and of trait leaves: total over JSON, and what each one means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from journeystream.comparisons import (
    MISSING,
    OPERATORS,
    Comparison,
    at_path,
    comparison_operators,
    compile_comparison,
)
from tests.strategies import json_values

# No deadline: on a shared machine one slow example says nothing.
laws = settings(deadline=None, max_examples=200)

_texts = st.text(max_size=4)
_numbers = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False, allow_infinity=False)
)
_scalars = st.one_of(st.booleans(), _numbers, _texts)
_orders = st.one_of(_numbers, _texts)
_lists = st.lists(_scalars, min_size=1, max_size=3)
_wanted: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("equals", "not_equals"), _scalars),
    **dict.fromkeys(("less_than", "at_most", "greater_than", "at_least"), _orders),
    "between": st.one_of(st.tuples(_numbers, _numbers), st.tuples(_texts, _texts)),
    **dict.fromkeys(("in", "includes_any", "includes_all", "includes_none"), _lists),
    **dict.fromkeys(("contains", "starts_with", "ends_with"), _texts),
    "matches": st.sampled_from(("", "^a", "a.*b$", "(?i)x", r"\d+", "[é-ü]", r"\x00")),
    **dict.fromkeys(("exists", "empty"), st.booleans()),
    "length": st.one_of(st.integers(0, 3), st.just({"at_least": 1, "at_most": 2})),
}


def test_every_operator_is_drawn() -> None:
    """The laws below cover every operator that there is."""
    assert set(_wanted) == set(comparison_operators()) == set(OPERATORS)


def passes(value: object, **written: Any) -> bool:  # noqa: ANN401  as a definition writes it
    """Tell whether a value passes a comparison that is written so."""
    return compile_comparison(Comparison.model_validate(written))(value)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_comparisons_are_total(operator: str) -> None:
    """No operator raises, whatever it is given: every JSON value, and none, is yes or no."""

    @laws
    @given(_wanted[operator], st.one_of(json_values(), st.just(MISSING)))
    def total(wanted: object, value: object) -> None:
        assert passes(value, **{operator: wanted}) in (True, False)

    total()


@laws
@given(st.sampled_from(sorted(OPERATORS)).flatmap(lambda o: st.tuples(st.just(o), _wanted[o])))
def test_what_is_missing_fulfils_little(drawn: tuple[str, Any]) -> None:
    """A value that is not there fulfils only `exists: false`, `empty: true` and the negatives."""
    operator, wanted = drawn
    expected = {"not_equals": True, "includes_none": True, "exists": not wanted, "empty": wanted}
    assert passes(MISSING, **{operator: wanted}) is expected.get(operator, False)


@laws
@given(json_values(), _scalars)
def test_opposites(value: object, wanted: object) -> None:
    """Equal and not equal, any and none, existing or not: just one of the two is true."""
    assert passes(value, equals=wanted) != passes(value, not_equals=wanted)
    assert passes(value, includes_any=[wanted]) != passes(value, includes_none=[wanted])
    assert passes(value, empty=True) != passes(value, empty=False)
    assert passes(value, exists=True)
    assert passes(value, **{"in": [wanted]}) == passes(value, equals=wanted)


@laws
@given(_orders, _orders)
def test_order(value: Any, wanted: Any) -> None:  # noqa: ANN401  numbers and texts
    """Numbers are in the order of numbers, texts in that of texts; across kinds there is none."""
    one_kind = isinstance(value, str) == isinstance(wanted, str)
    got = [
        passes(value, **{operator: wanted})
        for operator in ("less_than", "at_most", "greater_than", "at_least")
    ]
    if one_kind:
        assert got == [value < wanted, value <= wanted, value > wanted, value >= wanted]
    else:
        assert got == [False] * 4
    assert passes(value, between=[wanted, wanted]) == (one_kind and value == wanted)


@laws
@given(json_values(), _wanted["at_least"], _wanted["in"])
def test_operators_in_one_comparison_must_all_hold(
    value: object, low: object, items: list[object]
) -> None:
    """Several operators in one comparison are joined by `and`."""
    both = passes(value, at_least=low, **{"in": items})
    assert both == (passes(value, at_least=low) and passes(value, **{"in": items}))


@pytest.mark.parametrize(
    ("value", "written", "expected"),
    [
        (5, {"equals": 5}, True),
        (5.0, {"equals": 5}, True),
        ("5", {"equals": 5}, False),
        (5, {"equals": "5"}, False),
        (1, {"equals": True}, False),
        (True, {"equals": 1}, False),
        (True, {"equals": True}, True),
        (0, {"equals": False}, False),
        (None, {"equals": False}, False),
        (None, {"not_equals": 5}, True),
        ([5], {"equals": 5}, False),
        (5, {"less_than": 5}, False),
        (5, {"at_most": 5}, True),
        (True, {"at_least": 0}, False),
        ("b", {"greater_than": "a"}, True),
        ("10", {"at_least": 5}, False),
        (10, {"at_least": "5"}, False),
        (9_007_199_254_740_992, {"at_least": 9_007_199_254_740_993}, False),
        (5, {"between": [1, 5]}, True),
        (0.5, {"between": [1, 5]}, False),
        ("15", {"between": ["10", "20"]}, True),
        (15, {"between": ["10", "20"]}, False),
        ("m", {"between": ["a", "z"]}, True),
        ("x", {"in": ["x", "y"]}, True),
        (True, {"in": [1, "true"]}, False),
        ("abc", {"contains": "b"}, True),
        (["b"], {"contains": "b"}, False),
        ("abc", {"starts_with": "ab"}, True),
        ("abc", {"ends_with": "bc"}, True),
        ("abc", {"starts_with": "AB"}, False),
        ("order 66", {"matches": r"\d+"}, True),
        ("order", {"matches": r"^\d+"}, False),
        (66, {"matches": r"\d+"}, False),
        (None, {"exists": True}, True),
        ("", {"empty": True}, True),
        ([], {"empty": True}, True),
        ({}, {"empty": True}, True),
        (0, {"empty": True}, False),
        (False, {"empty": True}, False),
        (["a", 1], {"includes_any": [1, "z"]}, True),
        (["a", True], {"includes_any": [1]}, False),
        (["a", "b", "c"], {"includes_all": ["a", "b"]}, True),
        (["a"], {"includes_all": ["a", "b"]}, False),
        (["a"], {"includes_none": ["b"]}, True),
        ("a", {"includes_none": ["a"]}, True),
        ("a", {"includes_any": ["a"]}, False),
        (["a", "b"], {"length": 2}, True),
        ("ab", {"length": {"less_than": 2}}, False),
        ({"a": 1}, {"length": 1}, False),
        (5, {"at_least": 1, "less_than": 5}, False),
    ],
)
def test_examples(value: object, written: dict[str, Any], expected: bool) -> None:  # noqa: FBT001  the row's answer
    """What people expect of each operator, kind by kind."""
    assert passes(value, **written) is expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "no operator"),
        ({"equals": None}, "no operator"),
        ({"matches": "("}, "is no RE2 pattern"),
        ({"matches": "(?=x)"}, "is no RE2 pattern"),
        ({"matches": r"(a)\1"}, "is no RE2 pattern"),
        ({"in": []}, "at least 1 item"),
        ({"equalz": 1}, "Extra inputs"),
    ],
)
def test_what_says_nothing_is_refused(written: dict[str, Any], said: str) -> None:
    """A comparison without an operator, or with one that can not work, is refused."""
    with pytest.raises(ValidationError, match=said):
        Comparison.model_validate(written)


def test_patterns_take_linear_time() -> None:
    """A pattern that makes other engines try for years is answered at once."""
    assert not passes("a" * 50_000 + "!", matches="^(a+)+$")


@laws
@given(json_values(), st.lists(_texts, max_size=3))
def test_paths_never_fail(document: object, path: list[str]) -> None:
    """A path that leads nowhere yields MISSING, in whatever document."""
    value = at_path(document, path)
    if not path:
        assert value is document
    elif not isinstance(document, dict):
        assert value is MISSING


def test_paths_lead_into_objects() -> None:
    """Dotted paths lead through objects; a null at the end is a value."""
    document = {"address": {"city": "Lyon", "zip": None}}
    assert at_path(document, ["address", "city"]) == "Lyon"
    assert at_path(document, ["address", "zip"]) is None
    assert at_path(document, ["address", "street"]) is MISSING
    assert at_path(document, ["address", "city", "x"]) is MISSING
