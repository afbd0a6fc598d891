"""A history of saves of which every prefix is known, to tell a prefix from a mixture.

As a program it writes a part of the history and ends as by a power cut, or under a full disk:
`python -m tests.state.history DIRECTORY SINCE UPTO [LIMIT]`.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from journeystream.errors import StateError
from journeystream.state import rocksdb
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.rocksdb import RocksStore
from journeystream.state.store import Store
from journeystream.user import Instance, Passes, Position, User
from tests.state.store_contract import FOREVER, save

SMALL_BUFFER = 64 * 1024  # so that a short history is flushed many times
_USERS = 97
_PER_SAVE = 5

Contents = tuple[int, dict[str, User], list[tuple[int, str]], list[list[str]]]


def write(store: Store, since: int, upto: int) -> None:
    """Write the saves after number `since`, up to number `upto`."""
    for number in range(since + 1, upto + 1):
        save(store, *_users_of(number), partition=PartitionState(changelog=number))


def contents(store: Store) -> Contents:
    """Return all that a store answers: position, records, alarms, places."""
    return (
        store.partition().changelog,
        store.load(list(store.users())),
        store.due(FOREVER),
        [store.members(f"j{n}", _USERS) for n in range(3)],
    )


@cache
def as_after(number: int) -> Contents:
    """Return what a store answers that is whole after a save."""
    store = MemoryStore()
    write(store, 0, number)
    return contents(store)


def write_elsewhere(directory: Path, since: int, upto: int, limit: int | None = None) -> str:
    """Write in a process that ends without closing; return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "tests.state.history"]
        + [str(each) for each in (directory, since, upto, limit) if each is not None],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    ).stdout


def _users_of(number: int) -> list[User]:
    ids = sorted({(number * 7 + n * 13) % _USERS for n in range(_PER_SAVE)})
    return [
        User(
            f"u{id_:02}",
            # What does not compress, so that buffers fill.
            traits={"saved": number, "more": str(pow(7, number * _USERS + id_, 10**150))},
            passes={"j": Passes(1, wake=number * 1_000 + id_)},
            instances=[
                Instance(f"j{number % 3}", 1, 1, 0, positions=[Position(f"s{number % 4}", 0)])
            ],
        )
        for id_ in ids
    ]


def _main(directory: Path, since: int, upto: int, limit: int | None = None) -> None:
    rocksdb._WRITE_BUFFER = SMALL_BUFFER
    try:
        store = RocksStore(directory)
        if limit is not None:
            # A disk that is full from here on: Python ignores the signal, and writes fail.
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        write(store, since, upto)
    except StateError as error:
        sys.stdout.write(str(error))
        sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
