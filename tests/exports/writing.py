"""Exports for tests: some of a travel log is written to parts, as the command does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from journeystream.effects import Travel
from journeystream.exports.formats import Format
from journeystream.exports.parts import Export, Part, exporting
from journeystream.travel_rows import KINDS, Kind, Row, row_of

TOPIC = "travels"


def write_log(
    directory: Path, told: Sequence[Travel], format_: Format = Format.PARQUET, part_rows: int = 12
) -> None:
    """Export a log that lies in two partitions, in small parts."""
    with exporting(directory, TOPIC, format_) as export:
        for partition in (0, 1):
            mine = told[partition::2]
            for first in range(0, len(mine), part_rows) or (0,):
                write_part(export, partition, first, mine[first : first + part_rows])


def write_part(export: Export, partition: int, first: int, told: Sequence[Travel]) -> None:
    """Write one part, which begins at an offset."""
    rows: dict[Kind, list[Row]] = {kind: [] for kind in KINDS}
    for each in told:
        kind, row = row_of(each)
        rows[kind].append(row)
    export.write(Part(partition, first, first + len(told)), rows)
