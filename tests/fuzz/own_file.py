"""A file that holds an input, for code that reads files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile


@contextmanager
def own_file(data: bytes) -> Iterator[Path]:
    """Write the bytes to a file of their own."""
    with NamedTemporaryFile(suffix=".yaml") as file:
        path = Path(file.name)
        path.write_bytes(data)
        yield path
