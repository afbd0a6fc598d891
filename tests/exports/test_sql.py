"""Figures are those that DuckDB counts, by the queries of docs/measurement.md, over an export.

No code is shared: the queries are SQL over Parquet, and their formulas are written out in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from hypothesis import given

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.compiler import compile_journey
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.durations import iso, parse_instant
from journeystream.effects import Reached, Travel, Travelled
from journeystream.engine import Rules
from journeystream.exports.formats import Format
from journeystream.exports.parts import exporting, rows_in
from journeystream.figures import Measurement
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.measuring import measure
from journeystream.publishing import workshop_of
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.exports.writing import TOPIC, write_log, write_part
from tests.integration.shop_load import END, chunks
from tests.law_settings import laws
from tests.publishing_world import PROJECT
from tests.strategies import START
from tests.strategies.travels import travel_logs

DOCUMENT = Path(__file__).parents[2] / "docs" / "measurement.md"
MILESTONES, LIFT, ERASE = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)


def ask(query: str, directory: Path, as_of: int) -> list[tuple[Any, ...]]:
    """Run a query of the document over an export."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")  # which must not matter
        query = query.replace("'travels/", f"'{directory}/")
        query = query.replace("now()", f"TIMESTAMPTZ '{iso(as_of)}'")
        return connection.execute(query).fetchall()


def assert_same(found: Sequence[tuple[Any, ...]], wanted: Sequence[tuple[Any, ...]]) -> None:
    """Compare rows; of figures with fractions, nine digits."""
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            if isinstance(one, float) and isinstance(other, float):
                assert isclose(one, other, rel_tol=1e-9, abs_tol=1e-9), (mine, theirs)
            else:
                assert one == other, (mine, theirs)


def milestones_of(figures: Measurement) -> list[tuple[Any, ...]]:
    """Return the milestones as rows of the query."""
    return [
        (
            journey.journey,
            *(each.kind, each.name, each.split, each.path, each.all_time),
            *(each.last_7_days, each.last_30_days, each.last_90_days, each.median_seconds),
        )
        for journey in figures.journeys
        for each in journey.milestones
    ]


def lifts_of(figures: Measurement) -> list[tuple[Any, ...]]:
    """Return the conversions as rows of the query."""
    return sorted(
        (
            *(journey.journey, split.split, path.path, each.goal, path.is_control),
            *(path.entered, each.conversions),
            *(each.rate.value, each.rate.low, each.rate.high),
            *((None,) * 3 if d is None else (d.value, d.low, d.high)),
            *((None,) * 3 if f is None else (f.value, f.low, f.high)),
        )
        for journey in figures.journeys
        for split in journey.splits
        for path in split.paths
        for each in path.goals
        for d, f in [(each.difference, each.lift)]
    )


def assert_counted_twice(told: Sequence[Travel], directory: Path, as_of: int) -> None:
    """Export a log, and compare its figures with those of the queries."""
    write_log(directory, told)
    figures = measure(told, as_of)
    found = ask(MILESTONES, directory, as_of)
    # Names in an order of their own: Python's and DuckDB's differ beyond ASCII.
    assert_same(sorted(found, key=lambda row: row[:5]), milestones_of(figures))
    assert_same(sorted(ask(LIFT, directory, as_of), key=lambda row: row[:4]), lifts_of(figures))


@laws
@given(travel_logs())
def test_figures_are_those_of_the_queries(told: list[Travel]) -> None:
    """Whatever a log tells, milestones and lifts are counted alike in SQL."""
    with TemporaryDirectory() as directory:
        assert_counted_twice(told, Path(directory), START)


BOUGHT = {"event": "Order Completed"}
TESTED = {
    "id": "nudge",
    "name": "Nudge",
    "entry": {"condition": {"event": "Product Added"}, "reentry": "after_exit"},
    "max_duration": "60 days",
    "goals": [{"id": "bought", "condition": BOUGHT | {"within": "1 week"}}],
    "exits": [
        {"name": "twice", "condition": {**BOUGHT, "at_least": 2, "since": "entry"}},
        {"name": "failed", "condition": {"event": "Checkout Failed", "since": "entry"}},
    ],
    "steps": [
        {
            "id": "test",
            "type": "percent_split",
            "paths": [
                {"name": "email", "share": 40, "next": "mailed"},
                {"name": "ads", "share": 30, "next": "shown"},
                {"name": "nothing", "share": 30, "next": "rest", "control": True},
            ],
            "goals": [
                {"name": "bought", "condition": BOUGHT | {"since": "entry"}},
                {"name": "wished", "condition": {"event": "Product Added to Wishlist"}},
            ],
        },
        {"id": "mailed", "type": "send_to_destinations", "destinations": ["email"], "next": "rest"},
        {"id": "shown", "type": "send_to_destinations", "destinations": ["ads"], "next": "rest"},
        {"id": "rest", "type": "wait_for_duration", "duration": "45 days"},
    ],
}


def test_the_shops_figures_are_those_of_the_queries(tmp_path: Path) -> None:
    """Half a year of a shop, with a test of two paths against a control."""
    told = list(_half_year())
    goals = [each for each in told if isinstance(each, Reached)]
    assert len({(each.goal, each.path) for each in goals}) == 7
    assert_counted_twice(told, tmp_path, max(each.at for each in told))
    [nudge] = measure(told, max(each.at for each in told)).journeys
    assert {each.kind for each in nudge.milestones} == {"goal", "exit", "exit_condition"}
    assert sum(path.entered for path in nudge.splits[0].paths) > 150


def _half_year() -> Iterator[Travel]:
    definition = parse_definition(TESTED, "a test")
    assert isinstance(definition, JourneyDefinition)
    journey = compile_journey(definition, 1, keys_of(definition, {}, 255), workshop_of(PROJECT))
    heads = {journey.id: journey}
    journeys = Journeys({(journey.id, 1): journey}, heads, admitting=frozenset(heads))
    end = parse_instant(END)
    log = [
        decode(json.dumps(event).encode(), end, DecodeLimits(10**6, 0, 0, replay=True))
        for chunk in chunks()
        for event in chunk
    ]
    rules = Rules(journeys, travels=True)
    yield from take_turn(log, NEVER, MemoryStore(), rules, until=end).travels


def test_a_user_is_erased_from_an_export(tmp_path: Path) -> None:
    """As the document says: their rows are gone, others are there, and the next export goes on."""
    told: list[Travel] = [
        Travelled(user, START, "j", "J", 1, "i", "start", "start", "start", entered_at=START)
        for user in ("u1", "u2", "u3")
    ]
    with exporting(tmp_path, TOPIC, Format.PARQUET) as export:
        write_part(export, 0, 0, told)
    ask(ERASE, tmp_path, START)
    assert [row["event_id"] for _, row in rows_in(tmp_path)] == ["u2", "u3"]
    with exporting(tmp_path, TOPIC, Format.PARQUET) as export:
        assert export.until(0) == 3
