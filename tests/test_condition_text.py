"""Conditions in one string: the same trees, printed and read; messages that name the column."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeystream.comparisons import Comparison
from journeystream.condition_language import Condition, text_of
from journeystream.condition_text import DEEPEST, LONGEST_TEXT, parse_condition
from journeystream.condition_tokens import NotACondition
from journeystream.definitions import AudienceDefinition, parse_definition
from journeystream.errors import DefinitionError
from tests.strategies import conditions
from tests.test_linear_time import grows_linearly

laws = settings(deadline=None, max_examples=300)
Written = dict[str, Any]


def read(written: object) -> Condition:
    """Read a condition as a definition does."""
    document = {"kind": "audience", "id": "x", "name": "X", "condition": written}
    audience = parse_definition(document, "test")
    assert isinstance(audience, AudienceDefinition)
    return audience.condition


# ── what is printed reads as the same ────────────────────────────────────────────────────

_texts = st.text(max_size=6).filter(bool)
_numbers = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False, allow_infinity=False)
)
_scalars = st.one_of(st.booleans(), _numbers, st.text(max_size=6))
_comparisons = st.dictionaries(
    st.sampled_from(("equals", "not_equals", "contains", "exists", "in", "length", "same_day")),
    st.just(None),
    min_size=1,
    max_size=3,
).flatmap(
    lambda names: st.fixed_dictionaries(
        {
            name: {
                "contains": st.text(max_size=4),
                "exists": st.booleans(),
                "in": st.lists(_scalars, min_size=1, max_size=3),
                "length": st.one_of(st.integers(0, 9), st.just({"at_least": 1, "less_than": 5})),
                "same_day": st.sampled_from(("today", "2024-03-01")),
            }.get(name, _scalars)
            for name in names
        }
    )
)
_changes = st.sampled_from(
    (
        {"changed": True},
        {"changed": False, "within": "1 day"},
        {"changed_to": 5, "since": "entry"},
        {"has_been": "pro", "for": "3 months", "exists": True},
    )
)
_events = st.builds(
    lambda kind, name, where: {kind: name, "where": where},
    st.sampled_from(("event", "page", "screen")),
    _texts,
    st.dictionaries(st.text(max_size=6), st.one_of(_scalars, _comparisons), max_size=2),
)
_journeys = st.sampled_from(
    (
        {"journey": "a", "is": "in"},
        {"journey": "a b'", "is": "has_completed"},
        {"journey": "a", "is": "has_exited"},
        {"journey": "a", "is": "has_exited", "within": "1 day"},
        {"journey": "a", "is": "has_exited", "reason": "exit_condition: it's"},
        {"journey": "a", "is": "reached_goal"},
        {"journey": "a", "is": "reached_goal", "goal": "bought", "within": "1 month"},
        {"journey": "a", "is": "at_step", "step": "s1"},
    )
)
_leaves = st.one_of(
    conditions(since=("entry", "step")),
    st.builds(lambda trait, asked: {"trait": trait, **asked}, _texts, _comparisons | _changes),
    _events,
    st.builds(lambda name: {"audience": name}, _texts),
    st.builds(lambda name: {"list": name}, _texts),
    _journeys,
    st.builds(
        lambda did, without: {"inaction": {"did": did, "without": without, "within": "1 day"}},
        _events | _texts,
        _events,
    ),
    st.builds(lambda steps: {"sequence": steps}, st.lists(_events, min_size=2, max_size=3)),
)
_trees = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=5,
)


@settings(laws, max_examples=1_000)
@given(_trees.filter(lambda tree: "computed" not in str(tree)))
def test_what_is_printed_reads_as_the_same(written: Written) -> None:
    """Any tree can be written as one string, and the string stands for just this tree."""
    tree = read(written)
    text = text_of(tree)
    assert read(text) == tree
    assert text_of(read(text)) == text


# ── what is written means what it says ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("outcome == 'conversion'", {"trait": "outcome", "equals": "conversion"}),
        ("vip", {"trait": "vip", "equals": True}),
        ("not vip", {"not": {"trait": "vip", "equals": True}}),
        ("plan exists", {"trait": "plan", "exists": True}),
        ("plan exists and vip", {"all": ["plan exists", "vip"]}),
        ("a or b and not c", {"any": ["a", {"all": ["b", {"not": "c"}]}]}),
        ("(a or b) and c", {"all": [{"any": ["a", "b"]}, "c"]}),
        ("a and b and c", {"all": ["a", "b", "c"]}),
        ("(a and b) and c", {"all": [{"all": ["a", "b"]}, "c"]}),
        ("all(a)", {"all": ["a"]}),
        ("any(a, b)", {"any": ["a", "b"]}),
        ("address.city != 'Pau'", {"trait": "address.city", "not_equals": "Pau"}),
        ("score >= -1.5e3", {"trait": "score", "at_least": -1500.0}),
        ("score between [1, 5]", {"trait": "score", "between": [1, 5]}),
        ("score {> 1, <= 5}", {"trait": "score", "greater_than": 1, "at_most": 5}),
        ('plan in ["a", "b\\"c"]', {"trait": "plan", "in": ["a", 'b"c']}),
        ("name matches '^A\\\\d'", {"trait": "name", "matches": "^A\\d"}),
        ("tags length >= 2", {"trait": "tags", "length": {"at_least": 2}}),
        ("`Favorite Color` == 'red'", {"trait": "Favorite Color", "equals": "red"}),
        ("born anniversary_within 0", {"trait": "born", "anniversary_within": 0}),
        ("flight within_next '2 hours'", {"trait": "flight", "within_next": "2 hours"}),
        ("plan changed", {"trait": "plan", "changed": True}),
        ("plan changed within '1 day'", {"trait": "plan", "changed": True, "within": "1 day"}),
        ("plan has_been 'pro' for '1 day'", {"trait": "plan", "has_been": "pro", "for": "1 day"}),
        ("event('Order Completed')", {"event": "Order Completed"}),
        ("event('a') >= 2", {"event": "a", "at_least": 2}),
        ("event('a') > 2", {"event": "a", "at_least": 3}),
        ("event('a') < 2", {"event": "a", "at_most": 1}),
        ("event('a', within='1 day') == 0", {"event": "a", "within": "1 day", "exactly": 0}),
        ("page('Home') between [1, 3]", {"page": "Home", "between": [1, 3]}),
        (
            "event('a', total > 9.5, `Plan Name` contains 'x', vip, since='entry')",
            {
                "event": "a",
                "where": {
                    "total": {"greater_than": 9.5},
                    "Plan Name": {"contains": "x"},
                    "vip": True,
                },
                "since": "entry",
            },
        ),
        ("event('a', within == 1)", {"event": "a", "where": {"within": 1}}),
        (
            "event('a', cart_id equals_entry 'cart_id')",
            {"event": "a", "where": {"cart_id": {"equals_entry": "cart_id"}}},
        ),
        (
            "audience('vips') and segment('new')",
            {"all": [{"audience": "vips"}, {"segment": "new"}]},
        ),
        ("list('uploaded')", {"list": "uploaded"}),
        ("journey('x').is_in", {"journey": "x", "is": "in"}),
        ("journey('x').at_step('s')", {"journey": "x", "is": "at_step", "step": "s"}),
        (
            "journey('x').has_exited(reason='archived')",
            {"journey": "x", "is": "has_exited", "reason": "archived"},
        ),
        (
            "inaction(event('Added', n == 1), 'Bought', within='15 minutes')",
            {
                "inaction": {
                    "did": {"event": "Added", "where": {"n": 1}},
                    "without": "Bought",
                    "within": "15 minutes",
                }
            },
        ),
        (
            "sequence('a', page('b'), within='1 day', since='step')",
            {"sequence": ["a", {"page": "b"}], "within": "1 day", "since": "step"},
        ),
        (
            "lifetime_value > 100 and not (event('Order Completed', within='1 day') >= 1)",
            {
                "all": [
                    {"trait": "lifetime_value", "greater_than": 100},
                    {"not": {"event": "Order Completed", "within": "1 day", "at_least": 1}},
                ]
            },
        ),
    ],
)
def test_what_a_text_stands_for(text: str, tree: object) -> None:
    """A text stands for the tree that people expect."""
    assert read(text) == read(tree)


def test_texts_stand_wherever_a_condition_may() -> None:
    """Inside of trees too; what is kept is the tree."""
    mixed = read({"any": ["vip", {"not": "event('a')"}]})
    assert mixed == read({"any": [{"trait": "vip", "equals": True}, {"not": {"event": "a"}}]})


# ── what can not be read ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 1: the text ends here; write a trait, "),
        ("plan == ", "column 9: the text ends here; write a number, a text in quotes"),
        ("plan == pro", "column 9: 'pro' does not belong here; write a number, a text in quotes"),
        ("plan = 'pro'", "column 6: '=' does not belong here; write == to compare"),
        ("plan == 'pro", "column 9: .* can not be read here; close the quote"),
        ("plan == 5 6", "column 11: '6' does not belong here; write `and` or `or` before it"),
        ("(a or b", "column 8: the text ends here; write '\\)'"),
        ("a and", "column 6: the text ends here; write a trait"),
        ("plan & x", "column 6: '& x' can not be read here"),
        ("a and plan contians 'x'", "column 7: 'contians' is not known here; "),
        ("event(a)", "column 7: 'a' does not belong here; write a text in quotes"),
        ("event('a') >= 0", "column 1: .*greater than or equal to 1"),
        ("event('a') >= 'x'", "column 12: .*compare with a whole number of events"),
        ("event('a') != 1", "column 12: .*write `not` before the event"),
        ("event('a', within='soon')", "column 1: 'soon' is no duration"),
        ("event('a', n == 1, n == 2)", "column 20: .*write one test of it"),
        ("event('a', since='x', since='y')", "column 23: .*write it once"),
        ("plan {> 1, > 2}", "column 12: .*write it once"),
        ("journey('x').was", "column 14: .*write one of is_in, has_completed"),
        ("journey('x')", "column 13: the text ends here; write '.'"),
        ("inaction('a', within='1 day')", "write 2 events"),
        ("sequence('a')", "column 1: .*at least 2 items"),
        ("plan in [[1]]", "column 10: .*write a list of texts and numbers"),
        ("a " + "or a " * LONGEST_TEXT, "longer than 20,000 characters"),
        ("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1), "nest at most 50 deep"),
        ("not " * (DEEPEST + 1) + "a", "nest at most 50 deep"),
    ],
)
def test_what_is_wrong_is_said_with_its_column(text: str, said: str) -> None:
    """Whoever wrote the text learns where it is wrong, and what to write."""
    with pytest.raises(DefinitionError, match=said) as refused:
        read(text)
    assert [problem.path for problem in refused.value.problems] == ["condition"]


@laws
@given(st.text("ab.'\"`()[]{}<>=!,01 \\\nandornotevent", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way; every refusal says what to do."""
    refused = ""
    try:
        parse_condition(text)
    except NotACondition as error:
        refused = str(error)
    assert not refused or "; " in refused


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "a or " * n + "a",
        lambda n: "event('a', b == 1) and " * n + "a",
        lambda n: "a in [" + "1, " * n + "1]",
        lambda n: "a == '" + "\\'" * n,
        lambda n: "(" * n,
        lambda n: "a == " + "9" * n,
        lambda n: "`" * n,
    ],
)
def test_reading_is_linear(text: Any) -> None:  # noqa: ANN401  a function
    """A text of eight times the length takes about eight times as long."""

    def work(length: int) -> Any:  # noqa: ANN401  a function
        long = text(length)[:LONGEST_TEXT]

        def try_it() -> None:
            try:
                parse_condition(long)
            except NotACondition:
                return

        return try_it

    assert grows_linearly(work, 400)


def test_comparisons_are_of_one_kind() -> None:
    """A text gives the same comparison as YAML does."""
    tree = parse_condition("event('a', n {>= 1, < 5})")
    assert Comparison.model_validate(tree["where"]["n"]) == Comparison(at_least=1, less_than=5)
