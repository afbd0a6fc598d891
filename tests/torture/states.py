"""State directories after the last worker has ended.

Laws: the directory that was written last is what the changelog makes of nothing, and what the
oracle has; every directory that somebody left behind becomes the same once it is restored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from journeystream.agents.changelog import Ledger
from journeystream.agents.cluster import KafkaCluster
from journeystream.agents.recovery import restore
from journeystream.broker_access import BrokerAccess
from journeystream.project import Project
from journeystream.state.codec import encode_user
from journeystream.state.memory import MemoryStore
from journeystream.state.rocksdb import RocksStore
from journeystream.state.store import Store
from tests.torture.expectation import Expectation

_FOREVER = 1 << 62
_EVERYONE = 1 << 30


@dataclass(frozen=True)
class Contents:
    """All that a store tells, but for how far it has read its own changelog."""

    users: dict[str, bytes]
    alarms: list[tuple[int, str]]
    members: dict[str, list[str]]
    partition: object


def contents(store: Store, journeys: list[str]) -> Contents:
    """Read a store whole."""
    users = store.load(list(store.users()))
    return Contents(
        {id_: encode_user(user) for id_, user in users.items()},
        store.due(_FOREVER),
        {journey: store.members(journey, _EVERYONE) for journey in journeys},
        replace(store.partition(), changelog=0),
    )


def faults(
    project: Project,
    bootstrap: str,
    directories: list[Path],
    expected: Expectation,
    journeys: list[str],
) -> Iterator[str]:
    """Yield how the states of each partition differ."""
    for number in sorted(expected.ends):
        ledger = Ledger(number, project.changelog_topic, project.app)
        rebuilt = MemoryStore()
        _restore(rebuilt, ledger, bootstrap)
        wanted = contents(rebuilt, journeys)
        yield from _unlike_oracle(number, wanted, expected, project)
        stores = [RocksStore(each / project.app / str(number)) for each in directories]
        if not stores:
            yield f"partition {number}: nobody has its state"
            continue
        last = max(stores, key=lambda store: store.partition().changelog)
        yield from _unlike(f"partition {number}, live state", contents(last, journeys), wanted)
        for store, directory in zip(stores, directories, strict=True):
            _restore(store, ledger, bootstrap)
            what = f"partition {number}, {directory.name} restored"
            yield from _unlike(what, contents(store, journeys), wanted)
            store.close()


def _restore(store: Store, ledger: Ledger, bootstrap: str) -> None:
    asyncio.run(restore(store, ledger, KafkaCluster(BrokerAccess(bootstrap))))


def _unlike(what: str, found: Contents, wanted: Contents) -> Iterator[str]:
    for user in sorted(found.users.keys() | wanted.users.keys()):
        if found.users.get(user) != wanted.users.get(user):
            yield f"{what}: {user} is {found.users.get(user)!r}, not {wanted.users.get(user)!r}"
    for name in ("alarms", "members", "partition"):
        if getattr(found, name) != getattr(wanted, name):
            yield f"{what}: {name} differ from those of the changelog"


def _unlike_oracle(
    number: int, found: Contents, expected: Expectation, project: Project
) -> Iterator[str]:
    wanted = expected.users.get(number, {})
    for user in sorted(found.users.keys() | wanted.keys()):
        if found.users.get(user) != wanted.get(user):
            yield (
                f"partition {number}, changelog: {user} is {found.users.get(user)!r}, "
                f"the oracle has {wanted.get(user)!r}"
            )
    state = found.partition
    source = project.sources[0].topic
    clock, positions = getattr(state, "clock"), getattr(state, "positions")  # noqa: B009
    if clock != expected.clocks.get(number) or positions.get(source) != expected.ends[number]:
        yield (
            f"partition {number}: its clock is {clock} and its position {positions}, the oracle "
            f"has {expected.clocks.get(number)} and {expected.ends[number]}"
        )
