"""The files of an export: JSON lines, CSV or Parquet, one for each kind of row.

Law: `read_rows` returns what `write_rows` was given, whatever the format. An instant is a text in
JSON and CSV, and a timestamp of Parquet, in UTC; one that is not known is null, in CSV nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import orjson

from journeystream.durations import iso, parse_instant
from journeystream.errors import UserError
from journeystream.travel_rows import ColumnType, Kind, Row, columns

_FLAGS = {"true": True, "false": False}


class Format(StrEnum):
    """How an export is written; the value is the ending of its files."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def require(format_: Format) -> None:
    """Refuse a format that this installation can not write or read."""
    if format_ is Format.PARQUET:
        _parquet()


def write_rows(file: IO[bytes], format_: Format, kind: Kind, rows: Sequence[Row]) -> None:
    """Write rows of a kind, with all of its columns."""
    _WRITERS[format_](file, columns(kind), rows)


def read_rows(path: Path, kind: Kind) -> Iterator[Row]:
    """Yield the rows of a file; ValueError or KeyError where it is none."""
    yield from _READERS[Format(path.suffix[1:])](path, columns(kind))


def _write_jsonl(file: IO[bytes], typed: dict[str, ColumnType], rows: Sequence[Row]) -> None:
    file.writelines(orjson.dumps({name: row[name] for name in typed}) + b"\n" for row in rows)


def _read_jsonl(path: Path, typed: dict[str, ColumnType]) -> Iterator[Row]:
    with path.open("rb") as lines:
        for line in lines:
            found = orjson.loads(line)
            if not isinstance(found, dict):
                raise ValueError("no object")  # noqa: TRY004 -- the file is wrong, not us
            yield {name: found[name] for name in typed}


def _write_csv(file: IO[bytes], typed: dict[str, ColumnType], rows: Sequence[Row]) -> None:
    # Texts always in quotes, whatever they hold; so that nothing differs from an empty text, which
    # the standard library's writer can not do before Python 3.12.
    file.write((",".join(typed) + "\n").encode())
    for row in rows:
        cells = (_cell(row[name], type_) for name, type_ in typed.items())
        file.write((",".join(cells) + "\n").encode())


def _cell(value: object, type_: ColumnType) -> str:
    if type_ == "text":
        return '"' + str(value).replace('"', '""') + '"'
    if type_ == "flag":
        return "true" if value else "false"
    return "" if value is None else str(value)


def _read_csv(path: Path, typed: dict[str, ColumnType]) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as text:
        for cells in csv.DictReader(text):
            yield {name: _of_text(cells.get(name), type_) for name, type_ in typed.items()}


def _of_text(cell: str | None, type_: ColumnType) -> object:
    if type_ == "flag":
        return _FLAGS.get(cell or "")
    return None if type_ == "instant" and not cell else cell


def _write_parquet(file: IO[bytes], typed: dict[str, ColumnType], rows: Sequence[Row]) -> None:
    arrow = _parquet()
    stamp = arrow.timestamp("ms", tz="UTC")
    types = {"text": arrow.string(), "flag": arrow.bool_(), "instant": stamp}
    arrays = [
        arrow.array([_millis(row[name]) for row in rows], arrow.int64()).cast(stamp)
        if type_ == "instant"
        else arrow.array([row[name] for row in rows], types[type_])
        for name, type_ in typed.items()
    ]
    schema = arrow.schema([(name, types[type_]) for name, type_ in typed.items()])
    arrow.parquet.write_table(arrow.Table.from_arrays(arrays, schema=schema), file)


def _millis(instant: str | None) -> int | None:
    return None if instant is None else parse_instant(instant) // 1_000


def _read_parquet(path: Path, typed: dict[str, ColumnType]) -> Iterator[Row]:
    arrow = _parquet()
    for batch in arrow.parquet.ParquetFile(path).iter_batches():
        read: dict[str, list[Any]] = {
            name: [
                None if millis is None else iso(millis * 1_000)
                for millis in batch.column(name).cast(arrow.int64()).to_pylist()
            ]
            if type_ == "instant"
            else batch.column(name).to_pylist()
            for name, type_ in typed.items()
        }
        for cells in zip(*read.values(), strict=True):
            yield dict(zip(read, cells, strict=True))


def _parquet() -> ModuleType:
    try:
        import pyarrow.parquet  # noqa: PLC0415 -- an extra: only who writes Parquet needs it
    except ImportError:
        raise UserError(
            "--format parquet needs pyarrow, which is not installed; "
            "pip install 'journeystream[export]', or choose jsonl or csv"
        ) from None
    arrow: ModuleType = pyarrow
    return arrow


_WRITERS = {
    Format.JSONL: _write_jsonl,
    Format.CSV: _write_csv,
    Format.PARQUET: _write_parquet,
}
_READERS = {
    Format.JSONL: _read_jsonl,
    Format.CSV: _read_csv,
    Format.PARQUET: _read_parquet,
}
