"""Directories that are not damaged but can not be used: told with what to do, nothing is moved.

Another worker has them, they are no directories, the disk is full, or they are another
version's or another partition's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rocksdict import Options

from journeystream.errors import StateError
from journeystream.state.directory import DamagedError, open_failure
from journeystream.state.rocksdb import RocksStore
from journeystream.user import User
from tests.state.damage import DAMAGES, filled, raw
from tests.state.history import as_after, contents, write, write_elsewhere
from tests.state.store_contract import save


@pytest.mark.parametrize("mark", ["none", "noted", "CURRENT deleted"])
def test_what_a_living_process_holds_is_never_set_aside(mark: str, tmp_path: Path) -> None:
    """A directory that another worker has is refused, even when it is damaged."""
    directory = tmp_path / "0"
    program = (
        "import sys; from pathlib import Path; from journeystream.state.rocksdb import RocksStore\n"
        "store = RocksStore(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        if mark == "noted":
            (directory / "DAMAGED").write_text("by a test")
        elif mark != "none":
            DAMAGES[mark](directory)
        with pytest.raises(StateError, match=r"is another worker using it\? give") as no:
            RocksStore(directory)
        holder.kill()
    assert not isinstance(no.value, DamagedError)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


@pytest.mark.parametrize("below", [".", "0"])
def test_a_file_in_the_place_of_a_directory_is_refused(below: str, tmp_path: Path) -> None:
    """What is not a directory is told, and stays."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StateError, match="it has to be a directory that this user may write"):
        RocksStore(tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("IO error: While open a file for random read: 9.sst: Permission denied", "may write"),
        ("Corruption: IO error: While open a file: 9.sst: Permission denied", "may write"),
        ("IO error: While opendir: 0: Too many open files", "ulimit -n"),
        ("IO error: No space left on device: While appending to file: 5.log", "free space"),
        ("IO error: While appending to file: MANIFEST-5: Disk quota exceeded", "free space"),
        ("Corruption: IO error: While pread 9.sst: Input/output error", "the disk fails"),
        ("Invalid argument: Column families not opened: x", "run that version, or move"),
    ],
)
def test_what_is_no_damage_is_told(said: str, advice: str) -> None:
    """Permissions, limits, a full or failing disk and other versions are for people to act on."""
    error = open_failure(Path("0"), RuntimeError(said))
    assert not isinstance(error, DamagedError)
    assert said in str(error)
    assert advice in str(error)


# ── a full disk ──────────────────────────────────────────────────────────────────────────


def test_a_full_disk_stops_the_worker_and_loses_nothing(tmp_path: Path) -> None:
    """A save that finds no room is refused; the saves before it are there when there is room."""
    directory = tmp_path / "0"
    said = write_elsewhere(directory, 0, 10_000, limit=40_000)
    assert said.startswith(f"state.directory {directory}: can not be written (")
    assert "the turn is committed, nothing is lost; free space and start again" in said
    store = RocksStore(directory)
    assert store.set_aside is None
    found = contents(store)
    assert found[0] > 10
    assert found == as_after(found[0])
    write(store, found[0], found[0] + 5)
    assert contents(store) == as_after(found[0] + 5)
    store.close()


def test_a_disk_that_is_full_at_opening_is_told(tmp_path: Path) -> None:
    """A directory that can not be opened for want of room stays as it is."""
    directory = tmp_path / "0"
    write_elsewhere(directory, 0, 50)
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from journeystream.state.rocksdb import RocksStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "RocksStore(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"StateError: state.directory {directory}: can not be opened" in done.stderr
    assert "free space and start again" in done.stderr
    store = RocksStore(directory)
    assert (store.set_aside, contents(store)) == (None, as_after(50))
    store.close()


# ── another version's, another partition's ───────────────────────────────────────────────


def test_another_form_is_refused(tmp_path: Path) -> None:
    """Rows of another version are refused with both forms and what to do; nothing is moved."""
    filled(tmp_path / "0").close()
    with raw(tmp_path / "0") as families:
        families["meta"].put(b"format", b"2")
    with pytest.raises(StateError, match=r"have form 2, this version reads form 1; run the") as no:
        RocksStore(tmp_path / "0")
    assert not isinstance(no.value, DamagedError)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_rows_of_a_later_version_are_refused(tmp_path: Path) -> None:
    """A column family that this version does not know is another version's, not damage."""
    filled(tmp_path / "0").close()
    with raw(tmp_path / "0") as families:
        families["the store"].create_column_family("history", Options(raw_mode=True))
    with pytest.raises(StateError, match="run that version, or move the directory away"):
        RocksStore(tmp_path / "0")
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_a_directory_without_mark_has_the_first_form(tmp_path: Path) -> None:
    """What was written before there were marks is taken over as it is, and marked."""
    directory = tmp_path / "0"
    store = RocksStore(directory)
    write(store, 0, 30)
    store.close()
    (directory / "SEAL").unlink()
    with raw(directory) as families:
        meta = families["meta"]
        for key in [key for key in meta.keys() if key != b"partition"]:  # noqa: SIM118  an Rdict
            meta.delete(key)
    for _ in range(2):
        store = RocksStore(directory, identity="shop/0")
        assert store.set_aside is None
        assert contents(store) == as_after(30)
        store.close()
    with raw(directory) as families:
        assert families["meta"].get(b"format") == b"1"


def test_the_state_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A directory of another app or partition is refused with both names, and stays."""
    store = RocksStore(tmp_path / "0", identity="shop/0")
    save(store, User("u1"))
    store.close()
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    with pytest.raises(StateError, match="holds the state of shop/0, not of shop/1"):
        RocksStore(tmp_path / "1", identity="shop/1")
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}
    for identity in ("shop/0", None):
        store = RocksStore(tmp_path / "1", identity=identity)
        assert list(store.users()) == ["u1"]
        store.close()
