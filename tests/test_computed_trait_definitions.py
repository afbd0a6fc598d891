"""Computed traits as they are written, published and read back."""

from __future__ import annotations

from typing import Any

import pytest

from journeystream.control_log import Published, computed_trait_record
from journeystream.definitions import ComputedTraitDefinition, parse_definition
from journeystream.errors import DefinitionError
from tests.publishing_world import World

SPENT: dict[str, Any] = {
    "kind": "computed_trait",
    "id": "spent",
    "name": "Spent",
    "event": "Order Completed",
    "where": {"currency": "EUR"},
    "compute": "sum",
    "of": "revenue",
    "within": "30 days",
}


def test_a_computed_trait_is_read_as_it_was_published() -> None:
    """The control topic holds it, and whoever reads that has the same definition."""
    world = World(SPENT)
    read = parse_definition(SPENT, "a test")
    assert isinstance(read, ComputedTraitDefinition)
    assert world.published.computed_traits == {"spent": read}
    again = Published()
    again.apply(*computed_trait_record(read))
    assert again.computed_traits == {"spent": read}


@pytest.mark.parametrize(
    "changes", [{"of": None}, {"page": "Home"}, {"event": None}, {"compute": "median"}]
)
def test_what_can_not_be_made_is_refused(changes: dict[str, Any]) -> None:
    """It has one kind of event, a known operator, and a property unless it counts."""
    with pytest.raises(DefinitionError):
        parse_definition({**SPENT, **changes}, "a test")
