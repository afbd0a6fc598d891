"""Inputs that once broke a target's law; the file's name says what the input is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ONCE_BROKE = [
    pytest.param(target.name, file, id=f"{target.name}: {file.stem}")
    for target in TARGETS.values()
    for file in sorted(target.corpus.glob("*"))
]


@pytest.mark.parametrize(("target", "file"), ONCE_BROKE)
def test_what_once_broke_a_law_does_not_again(target: str, file: Path) -> None:
    """A defect that was found stays mended."""
    TARGETS[target].holds(file.read_bytes())
