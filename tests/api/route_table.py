"""The table of routes in docs/api.md; `python -m tests.api.route_table` writes it anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from journeystream.api.all_routes import ROUTES
from journeystream.api.routes import Route

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_HEAD = "| route | role | what it does |\n| --- | --- | --- |\n"
TABLE = re.compile(re.escape(_HEAD) + r"(?:\|.*\n)*")


def table(routes: Sequence[Route] = ROUTES) -> str:
    """Return the table of all routes."""
    return _HEAD + "".join(
        f"| `{each.method} {each.path}` | {each.role.name.lower()} | {each.summary} |\n"
        for each in routes
    )


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(), text), encoding="utf-8")
