"""The page about conditions: every block is a condition, and every operator has one."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from journeystream.comparisons import comparison_operators
from journeystream.computed_traits import Computation, compile_computation
from journeystream.condition_language import Condition, TraitLeaf, text_of
from journeystream.conditions import Moment, compile_condition, flip
from journeystream.date_comparisons import DATE_OPERATORS
from journeystream.user import User
from tests.strategies import START
from tests.test_condition_text import read

PAGE = (Path(__file__).parents[1] / "docs" / "journeys.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml condition\n(.*?)```", PAGE, re.DOTALL)
HEADINGS = " ".join(re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE))


def condition_of(block: str) -> Condition:
    """Read a block of the page."""
    return read(YAML(typ="safe").load(block))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_a_condition(block: str) -> None:
    """It can be read, compiled and asked, and written as one string."""
    condition = condition_of(block)
    written = {"event": "Order Completed", "compute": "sum", "of": "total", "within": "30 days"}
    spent = compile_computation("spent", Computation.model_validate(written), UTC)
    compiled = compile_condition(condition, UTC, {"vips": read("vip")}, {"spent_in_30_days": spent})
    moment = Moment(User("u1"), START)
    assert compiled.holds(moment) in (True, False)
    assert flip(compiled, moment) is None
    assert read(text_of(condition)) == condition


@pytest.mark.parametrize("name", sorted({*TraitLeaf.known_operators(), "equals_entry"}))
def test_every_operator_has_its_place(name: str) -> None:
    """Each operator stands in a heading, and in a block."""
    assert name in re.findall(r"\w+", HEADINGS)
    assert any(re.search(rf"\b{name}\b", block) for block in BLOCKS)


def test_operators_are_all_known() -> None:
    """The lists that the page is checked against are whole."""
    assert {*comparison_operators(), *DATE_OPERATORS} < set(TraitLeaf.known_operators())


@pytest.mark.parametrize(
    "leaf", ["event", "inaction", "sequence", "trait", "audience", "list", "journey"]
)
def test_every_leaf_has_a_heading(leaf: str) -> None:
    """Each leaf has a heading of its own name."""
    assert re.search(rf"^### {leaf}$", PAGE, re.MULTILINE)
