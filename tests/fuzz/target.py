"""What a fuzz target is: a law over any bytes, and valid inputs to begin from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FUZZ = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Target:
    """A law that `holds` for any input: it raises when the input breaks it.

    `seeds` are valid inputs to begin from. An input consists of pieces with `separator`
    between them, so that mutation can work on one piece at a time.
    """

    name: str
    law: str
    holds: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    separator: bytes = b"\n"

    @property
    def corpus(self) -> Path:
        """Where the inputs are kept that once broke the law, each named after what it was."""
        return FUZZ / "corpus" / self.name
