"""Damage to real files of real stores, and the stores that it is done to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rocksdict import AccessType, Options, Rdict

from journeystream.state.codec import PartitionState
from journeystream.state.rocksdb import RocksStore
from journeystream.user import User
from tests.state.store_contract import save, standing, waiting

FAMILIES = ("users", "alarms", "places", "meta")
MANY = [f"u{n:04}" for n in range(3_000)]


def filled(directory: Path) -> RocksStore:
    """Open a store and fill it with more rows than fit into one block of a table."""
    store = RocksStore(directory)
    save(
        store,
        *(
            User(
                id_,
                traits={"more": str(pow(7, number, 10**40))},
                passes=waiting(id_, number).passes,
                instances=standing(id_, ("j", "s")).instances,
            )
            for number, id_ in enumerate(MANY)
        ),
        partition=PartitionState(changelog=1),
    )
    return store


@contextmanager
def raw(directory: Path) -> Iterator[dict[str, Any]]:
    """Open the rows themselves, for a test that puts something wrong into them."""
    options = Options(raw_mode=True)
    store = Rdict(
        str(directory),
        options=options,
        column_families=dict.fromkeys(FAMILIES, options),
        access_type=AccessType.read_write(),
    )
    opened = {name: store.get_column_family(name) for name in FAMILIES}
    opened["the store"] = store
    yield opened
    for each in opened.values():
        each.close()


def flip(file: Path, at: int) -> None:
    """Turn a bit of a file, counted from its end if negative."""
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def cut(file: Path, size: int) -> None:
    """Let a file lose its end."""
    os.truncate(file, size)


def half(file: Path) -> int:
    """Return the middle of a file."""
    return file.stat().st_size // 2


def manifest(directory: Path) -> Path:
    """Return RocksDB's list of its files."""
    return directory / (directory / "CURRENT").read_text().strip()


def tables(directory: Path) -> list[Path]:
    """Return the files with rows, the largest first."""
    return sorted(directory.glob("*.sst"), key=lambda file: -file.stat().st_size)


def keep_tables(directory: Path) -> None:
    """Delete all but the files with rows."""
    for file in directory.iterdir():
        if file.suffix != ".sst":
            file.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "CURRENT deleted": lambda d: (d / "CURRENT").unlink(),
    "CURRENT garbled": lambda d: (d / "CURRENT").write_bytes(b"\x80\0"),
    "CURRENT empty": lambda d: cut(d / "CURRENT", 0),
    "MANIFEST deleted": lambda d: manifest(d).unlink(),
    "MANIFEST flipped": lambda d: flip(manifest(d), half(manifest(d))),
    "MANIFEST cut": lambda d: cut(manifest(d), half(manifest(d))),
    "MANIFEST lost its last byte": lambda d: cut(manifest(d), manifest(d).stat().st_size - 1),
    "MANIFEST empty": lambda d: cut(manifest(d), 0),
    "a table deleted": lambda d: tables(d)[1].unlink(),
    "a table cut": lambda d: cut(tables(d)[0], half(tables(d)[0])),
    "a table's foot flipped": lambda d: flip(tables(d)[0], -20),
    "all but the tables deleted": keep_tables,
}
