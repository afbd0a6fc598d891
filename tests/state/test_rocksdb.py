"""The store on disk keeps the contract of stores, and its directory outlives the process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeystream.errors import StateError
from journeystream.state.codec import PartitionState
from journeystream.state.rocksdb import RocksStore, shared_cache
from journeystream.state.store import Store
from journeystream.user import User
from tests.state.store_contract import FOREVER, StoreContract, save, standing, waiting


class TestRocksStore(StoreContract):
    """The promises of every store, kept on disk."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Open an empty store."""
        store = RocksStore(tmp_path / "deep" / "down")
        yield store
        store.close()


def test_a_reopened_store_holds_all(tmp_path: Path) -> None:
    """What was saved is there after close and reopen: users, alarms, places, position."""
    state = PartitionState(clock=5, positions={"web": 3})
    first = RocksStore(tmp_path)
    save(first, waiting("u1", -10), standing("u2", ("j", "s")), User("用户"), partition=state)
    first.close()
    second = RocksStore(tmp_path, shared_cache(1))
    assert list(second.users()) == ["u1", "u2", "用户"]
    assert second.load(["u1"]) == {"u1": waiting("u1", -10)}
    assert second.due(FOREVER) == [(-10, "u1")]
    assert second.members("j", 9) == ["u2"]
    assert second.partition() == state
    second.close()


def test_two_openers_are_refused(tmp_path: Path) -> None:
    """A directory in use is refused with its name and with what to do."""
    store = RocksStore(tmp_path)
    with pytest.raises(StateError, match=r"is another worker using it\? give each") as refused:
        RocksStore(tmp_path)
    assert str(tmp_path) in str(refused.value)
    save(store, User("u1"))
    store.close()
    RocksStore(tmp_path).close()


_SAVES_WITHOUT_END = """
import itertools, sys
from pathlib import Path
from journeystream.state.codec import PartitionState
from journeystream.state.rocksdb import RocksStore
from tests.state.store_contract import save, waiting

store = RocksStore(Path(sys.argv[1]))
for number in itertools.count(1):
    save(store, *(waiting(f"u{n}", number) for n in range(20)), partition=PartitionState(number))
    print(number, flush=True)
"""


def test_a_kill_leaves_whole_saves(tmp_path: Path) -> None:
    """After kill -9 every acknowledged save is there, and the one that was cut is whole or not."""
    with subprocess.Popen(
        [sys.executable, "-c", _SAVES_WITHOUT_END, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        acknowledged = [int(next(worker.stdout)) for _ in range(50)][-1]
        worker.kill()
    store = RocksStore(tmp_path)
    number = store.partition().clock
    assert number >= acknowledged
    assert sorted(store.due(FOREVER)) == sorted((number, f"u{n}") for n in range(20))
    assert {user.wake for user in store.load(list(store.users())).values()} == {number}
    store.close()
