"""JSON lines, CSV and Parquet say the same; to us, and to DuckDB."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings

from journeystream.effects import Travel
from journeystream.errors import UserError
from journeystream.exports.formats import Format, require
from journeystream.exports.parts import rows_in
from journeystream.travel_rows import KINDS, columns, travel_of
from tests.exports.writing import write_log
from tests.law_settings import laws
from tests.strategies.travels import travel_logs


@settings(laws, max_examples=15)
@given(travel_logs())
def test_what_is_exported_is_read_back(told: list[Travel]) -> None:
    """All that was told comes out of each format, the same in all."""
    expected = sorted(map(repr, told))
    for format_ in Format:
        with TemporaryDirectory() as directory:
            write_log(Path(directory), told, format_)
            found = [travel_of(kind, row) for kind, row in rows_in(Path(directory))]
            assert sorted(map(repr, found)) == expected, format_


# Few examples, because each writes files and asks a database.
@settings(laws, max_examples=8)
@given(travel_logs())
def test_all_formats_say_the_same_to_duckdb(told: list[Travel]) -> None:
    """Another reader finds the same rows in each."""
    with TemporaryDirectory() as directory, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        places = {format_: Path(directory) / format_ for format_ in Format}
        for format_, place in places.items():
            write_log(place, told, format_)
        rows = list(rows_in(places[Format.JSONL]))
        for kind in KINDS:
            found = [
                connection.execute(_query(kind, format_, place)).fetchall()
                for format_, place in places.items()
            ]
            assert found[0] == found[1] == found[2]
            assert len(found[0]) == sum(each == kind for each, _ in rows)


def _query(kind: str, format_: Format, place: Path) -> str:
    """Return a query for all rows of a kind, as texts."""
    [typed] = [columns(each) for each in KINDS if each == kind]
    types = {"text": "VARCHAR", "flag": "BOOLEAN", "instant": "TIMESTAMPTZ"}
    named = ", ".join(f"'{name}': '{types[type_]}'" for name, type_ in typed.items())
    reader = {
        Format.JSONL: f"read_json('{{}}', format='nd', columns={{{{{named}}}}})",
        # Of an empty file nothing can be guessed.
        Format.CSV: f"read_csv('{{}}', auto_detect=false, delim=',', quote='\"', escape='\"', "
        f"header=true, columns={{{{{named}}}}})",
        Format.PARQUET: "read_parquet('{}')",
    }[format_].format(place / "partition-*" / "*" / f"{kind}s.{format_}")
    every = ", ".join(f"coalesce({name}::VARCHAR, '')" for name in typed)
    return f"SELECT {every} FROM {reader} ORDER BY ALL"  # noqa: S608 -- our own names


def test_without_pyarrow_parquet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and what works without."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    require(Format.JSONL)
    require(Format.CSV)
    with pytest.raises(UserError, match=r"pip install 'journeystream\[export\]', or choose"):
        require(Format.PARQUET)
