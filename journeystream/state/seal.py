"""The seal of a state directory: how long RocksDB's list of its files was when it was last whole.

RocksDB takes a list (the MANIFEST) that lost its end for an older one, and opens. While it runs
it adds to the list for all column families at once, but at opening and at closing for one after
the other: there a lost end would leave a mixture. So the length is kept after each of them.

Law: a list only grows, and is begun anew under another name. One that has the seal's name and
is shorter than the seal says has lost its end; a seal that can not be read says nothing.
"""

from __future__ import annotations

from pathlib import Path

_SEAL = "SEAL"


def seal(directory: Path) -> None:
    """Keep how long the list of files is now."""
    name = _list_of(directory)
    size = (directory / name).stat().st_size
    (directory / _SEAL).write_text(f"{name} {size}\n", encoding="utf-8")


def broken_seal(directory: Path) -> str | None:
    """Return what is wrong if the list of files is shorter than it was, else None."""
    try:
        name, size = (directory / _SEAL).read_text(encoding="utf-8").split()
        least, found = int(size), (directory / name).stat().st_size
        current = _list_of(directory)
    except (OSError, ValueError):
        return None
    if name != current or found >= least:
        return None
    return f"{name} has lost its end: {found} bytes, it had {least}"


def _list_of(directory: Path) -> str:
    return (directory / "CURRENT").read_text(encoding="utf-8", errors="replace").strip()
