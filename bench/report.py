"""What was kept, as Markdown: prose written by hand, with a marker where each part's tables go.

Law: facts that all parts share are told once, where the page's marker `machine` stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.figures import Cell, Figures, short
from bench.results import Results
from bench.throughput_tables import tables

_MARKER = re.compile(r"<!-- ([a-z_]+) -->")
_MACHINE = "machine"
_NOT_MEASURED = "(not measured)"
Kept = Mapping[str, Results | Figures]
"""What was kept, by the name of its file."""


def kept_in(directory: Path) -> Kept:
    """Read all that was kept."""
    return {file.stem: _read(file) for file in sorted(directory.glob("*.json"))}


def _read(file: Path) -> Results | Figures:
    found = json.loads(file.read_text(encoding="utf-8"))
    return Results.read(file) if "runs" in found else Figures.read(file)


def page(prose: str, kept: Kept) -> str:
    """Return the prose with each marker followed by what it stands for."""
    shared = _shared(kept)

    def filled(marker: re.Match[str]) -> str:
        name = marker[1]
        if name == _MACHINE:
            return "\n".join(_facts(shared)) or _NOT_MEASURED
        return body(kept[name], shared) if name in kept else _NOT_MEASURED

    return _MARKER.sub(filled, prose)


def markdown(part: Results | Figures) -> str:
    """Return a part with its heading and all its facts."""
    return f"## {part.part}\n\n{body(part, {})}\n"


def body(part: Results | Figures, told: Mapping[str, str]) -> str:
    """Return a part's facts, as far as they were not told, and its tables."""
    facts = {name: fact for name, fact in part.facts.items() if told.get(name) != fact}
    lines = [*_facts(facts), "", *(tables(part) if isinstance(part, Results) else _table(part))]
    return "\n".join(lines).strip()


def _shared(kept: Kept) -> dict[str, str]:
    parts = list(kept.values())
    if not parts:
        return {}
    return {
        name: fact
        for name, fact in parts[0].facts.items()
        if all(part.facts.get(name) == fact for part in parts)
    }


def _facts(facts: Mapping[str, str]) -> list[str]:
    return [f"- {name}: {fact}" for name, fact in facts.items()]


def _table(figures: Figures) -> Iterator[str]:
    yield f"| {' | '.join(figures.columns)} |"
    yield f"|{' --- |' * len(figures.columns)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in figures.rows)
    if figures.remarks:
        yield ""
        yield from (f"- {remark}" for remark in figures.remarks)


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else short(cell)
