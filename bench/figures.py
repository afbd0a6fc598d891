"""A part's figures: a table, what it was measured on, and what a reader has to know beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

Cell = str | int | float | None
"""None: not measured."""


@dataclass(frozen=True)
class Figures:
    """The table of a part. `facts` name machine, versions and load."""

    part: str
    facts: dict[str, str]
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Keep them."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what was kept."""
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(**kept)


def share(ordered: Sequence[float], part: float) -> float:
    """Return the figure that `part` (0 to 1) of all do not exceed; they are in order."""
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def short(text: str) -> str:
    """Return the first and the last line of a text that may have many."""
    lines = text.strip().splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"
