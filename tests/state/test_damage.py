"""Damaged directories: nothing wrong is ever answered.

The damage is done to real files of real stores. A store may lose its last saves, which recovery
completes; it may be set aside, which recovery completes too; it may never be a mixture.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journeystream.errors import StateError
from journeystream.state.rocksdb import RocksStore
from journeystream.state.store import Store
from journeystream.user import User
from tests.state.damage import DAMAGES, MANY, cut, filled, flip, half, manifest, raw, tables
from tests.state.history import as_after, contents, write, write_elsewhere
from tests.state.store_contract import FOREVER, save


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_that_opening_meets_sets_the_directory_aside(
    damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty store takes the place of a damaged one, which is kept, and one line says so."""
    directory = tmp_path / "0"
    for number in (1, 2):
        filled(directory).close()
        damage(directory)
        caplog.clear()
        store = RocksStore(directory)
        assert contents(store) == as_after(0)
        aside = tmp_path / f"0.corrupt-{number}"
        assert store.set_aside == aside
        assert (aside / "IDENTITY").exists() or damage is DAMAGES["all but the tables deleted"]
        [line] = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        assert line.startswith(f"state.directory {directory}: it is damaged (")
        assert f"set aside as {aside.name}, the changelog rebuilds it" in line
        save(store, User("u1"))
        store.close()
        reopened = RocksStore(directory)
        assert reopened.set_aside is None
        assert list(reopened.users()) == ["u1"]
        reopened.close()


READS: dict[str, Callable[[Store], object]] = {
    "load": lambda store: store.load(MANY),
    "users": lambda store: list(store.users()),
    "due": lambda store: store.due(FOREVER),
    "next_wake": lambda store: store.next_wake(),
    "members": lambda store: store.members("j", len(MANY)),
}


@pytest.mark.parametrize("at", ["the start", "the middle"])
@pytest.mark.parametrize("read", READS)
def test_damage_that_reading_meets_ends_the_worker_once(read: str, at: str, tmp_path: Path) -> None:
    """A flipped bit is met, never taken for the end of the rows; the next open sets aside."""
    if (read, at) == ("next_wake", "the middle"):
        at = "the start"  # it reads no more than that
    directory = tmp_path / "0"
    filled(directory).close()
    *with_many_rows, _ = tables(directory)
    for table in with_many_rows:
        flip(table, 100 if at == "the start" else half(table))
    store = RocksStore(directory)
    assert store.set_aside is None
    with pytest.raises(StateError, match=r"it is damaged \(.*checksum.*\); nothing is lost"):
        READS[read](store)
    store.close()
    again = RocksStore(directory)
    assert again.set_aside == tmp_path / "0.corrupt-1"
    assert contents(again) == as_after(0)
    again.close()


def test_damage_that_compaction_meets_ends_the_worker_once(tmp_path: Path) -> None:
    """RocksDB meets damage while it tidies up: then a save fails, and the next open sets aside."""
    directory = tmp_path / "0"
    filled(directory).close()
    flip(tables(directory)[0], half(tables(directory)[0]))
    store = RocksStore(directory)

    def save_and_tidy() -> None:
        for number in range(20):
            changed = [User(id_, traits={"again": number}) for id_ in (MANY[0], MANY[-1])]
            save(store, *changed)
            users = store._families["users"]
            users.flush()
            users.compact_range(None, None)

    with pytest.raises(StateError, match=r"it is damaged \(Corruption: .*checksum"):
        save_and_tidy()
    store.close()
    again = RocksStore(directory)
    assert again.set_aside is not None
    again.close()


# ── a prefix, or nothing ─────────────────────────────────────────────────────────────────

HISTORIES: dict[str, list[tuple[int, bool]]] = {
    "killed": [(230, False)],
    "killed early, again and again": [(20, False), (40, False), (43, False)],
    "killed, then closed": [(60, False), (80, True)],
    "closed, then killed": [(90, True), (210, False)],
}


@pytest.fixture(scope="module", params=HISTORIES)
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory that several workers had, one after the other."""
    directory: Path = tmp_path_factory.mktemp("lived") / "0"
    since = 0
    for upto, closed in HISTORIES[request.param]:
        if closed:
            store = RocksStore(directory)
            write(store, since, upto)
            store.close()
        else:
            write_elsewhere(directory, since, upto)
        since = upto
    return directory


def test_a_list_of_files_that_lost_its_end_leaves_no_mixture(lived: Path, tmp_path: Path) -> None:
    """Wherever the MANIFEST is cut, the store is whole after some save, or set aside."""
    size = manifest(lived).stat().st_size
    judged = [
        judge(lived, tmp_path, lambda d, at=at: cut(manifest(d), at))  # type: ignore[misc]
        for at in range(0, size, max(size // 20, 1))
    ]
    assert "set aside" in judged


@pytest.mark.parametrize("damage", [flip, cut])
def test_a_damaged_log_leaves_a_prefix(
    damage: Callable[[Path, int], None], lived: Path, tmp_path: Path
) -> None:
    """Wherever a write-ahead log is flipped or cut, the store is whole after some save."""
    for log in lived.glob("*.log"):
        size = log.stat().st_size
        for at in range(0, size, max(size // 5, 1)):
            judge(lived, tmp_path, lambda d, at=at, name=log.name: damage(d / name, at))  # type: ignore[misc]


def test_a_lost_file_leaves_no_mixture(lived: Path, tmp_path: Path) -> None:
    """Whichever file is lost, the store is whole after some save, or set aside."""
    for file in lived.iterdir():
        judge(lived, tmp_path, lambda d, name=file.name: (d / name).unlink())  # type: ignore[misc]


def judge(lived: Path, tmp_path: Path, damage: Callable[[Path], object]) -> str:
    """Damage a copy, open it, and say what became of it."""
    directory = tmp_path / "copy" / "0"
    shutil.copytree(lived, directory)
    damage(directory)
    store = RocksStore(directory)
    try:
        found = contents(store)
        assert found == as_after(found[0]), f"a mixture at save {found[0]}"
        if store.set_aside is None:
            return "whole"
        assert found[0] == 0
        return "set aside"
    finally:
        store.close()
        shutil.rmtree(directory.parent)


def test_saves_that_are_missing_in_the_middle_are_noticed(tmp_path: Path) -> None:
    """Of a store without gap exactly one save is the last; another one betrays the gap."""
    directory = tmp_path / "0"
    store = RocksStore(directory)
    write(store, 0, 3)
    store.close()
    with raw(directory) as families:
        families["meta"].put(b"save" + (2).to_bytes(8, "big"), b"")
    again = RocksStore(directory)
    assert again.set_aside is not None
    again.close()


def test_a_lost_column_family_is_noticed(tmp_path: Path) -> None:
    """A store without its alarms is not taken for one in which nobody waits."""
    directory = tmp_path / "0"
    filled(directory).close()
    with raw(directory) as families:
        del families["alarms"]
        families["the store"].drop_column_family("alarms")
    store = RocksStore(directory)
    assert store.set_aside is not None
    store.close()


@pytest.mark.parametrize("garbled", [b"", b"MANIFEST", b"MANIFEST-1 x\n", b"\x80\xff", b"a b c"])
def test_a_seal_that_can_not_be_read_says_nothing(garbled: bytes, tmp_path: Path) -> None:
    """A whole store opens whatever became of its seal."""
    directory = tmp_path / "0"
    filled(directory).close()
    (directory / "SEAL").write_bytes(garbled)
    store = RocksStore(directory)
    assert store.set_aside is None
    store.close()
