"""The steps of docs/operating.md are tried by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    """A test is in one of the files that the page names, and those are there."""
    files = [ROOT / name for name in set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))]
    assert [file for file in files if not file.is_file()] == []
    written = "".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"`(test_\w+)(?:\[\w+\])?`", PAGE))
    assert len(named) > 8
    assert [name for name in named if f"def {name}(" not in written] == []
