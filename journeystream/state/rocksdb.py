"""The store on disk: one RocksDB per partition, one column family per kind of row.

* `users`: user id -> record
* `alarms`: wake (8 bytes, big-endian, so that rows sort by time) + user id -> nothing
* `places`: journey 0x00 user id 0x00 step -> nothing
* `meta`: `partition` -> the partition's position

A save is one WriteBatch with the write-ahead log on and without fsync: a kill of the process
loses nothing, and after a loss of the machine the changelog completes what is missing, from
the changelog offset that the same batch carries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from journeystream.errors import StateError
from journeystream.state.codec import (
    PartitionState,
    decode_partition,
    decode_user,
    encode_partition,
)
from journeystream.state.store import Change
from journeystream.user import User

_USERS, _ALARMS, _PLACES, _META = "users", "alarms", "places", "meta"
_PARTITION = b"partition"
_WAKE_BYTES = 8
_SIGN = 1 << 63  # shifts signed instants into unsigned order: before 1970 sorts first
_WRITE_BUFFER = 16 * 1024 * 1024  # per column family; bounds memory, costs more flushes
_BLOOM_BITS = 10  # about 1 % of the look-ups of unknown users touch the disk


class RocksStore:
    """The users of one partition in a directory of their own."""

    def __init__(self, directory: Path, cache: Cache | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        families = {name: _options(cache) for name in (_USERS, _ALARMS, _PLACES, _META)}
        try:
            self._db = Rdict(
                str(directory),
                options=_options(cache),
                column_families=families,
                access_type=AccessType.read_write(),
            )
        except Exception as error:
            raise StateError(
                f"state.directory {directory}: RocksDB can not open it ({error}); is another "
                f"worker using it? give each worker its own, or remove it: the changelog "
                f"rebuilds it"
            ) from error
        self._families: dict[str, Any] = {
            name: self._db.get_column_family(name) for name in families
        }
        self._handles = {name: self._db.get_column_family_handle(name) for name in families}

    def load(self, ids: Collection[str]) -> dict[str, User]:
        """Return the users that are known among `ids`, in one multi-get."""
        if not ids:
            return {}
        wanted = list(ids)
        records = self._families[_USERS].get([id_.encode() for id_ in wanted])
        return {
            id_: decode_user(id_, record)
            for id_, record in zip(wanted, records, strict=True)
            if record is not None
        }

    def due(self, until: int, most: int | None = None) -> list[tuple[int, str]]:
        """Return alarms at or before `until`, in order."""
        found: list[tuple[int, str]] = []
        for key in self._families[_ALARMS].keys():  # noqa: SIM118  an Rdict iterates over pairs
            wake = _wake_of(key)
            if wake > until or len(found) == most:
                break
            found.append((wake, key[_WAKE_BYTES:].decode()))
        return found

    def next_wake(self) -> int | None:
        """Return the earliest alarm."""
        first = next(iter(self._families[_ALARMS].keys()), None)
        return None if first is None else _wake_of(first)

    def members(self, journey: str, limit: int) -> list[str]:
        """Return users who are in the journey."""
        prefix = journey.encode() + b"\0"
        members: list[str] = []
        for key in self._families[_PLACES].keys(from_key=prefix):
            if len(members) >= limit or not key.startswith(prefix):
                break
            member = key[len(prefix) :].rsplit(b"\0", 1)[0].decode()
            if not members or members[-1] != member:
                members.append(member)
        return members

    def users(self) -> Iterator[str]:
        """Return everyone's id, in order."""
        ids = self._families[_USERS].keys()
        return (key.decode() for key in ids)

    def partition(self) -> PartitionState:
        """Return where the partition stands."""
        data = self._families[_META].get(_PARTITION)
        return PartitionState() if data is None else decode_partition(data)

    def save(self, changes: Iterable[Change], partition: PartitionState) -> None:
        """Store everything in one atomic batch."""
        batch = WriteBatch(raw_mode=True)
        users, alarms, places = (self._handles[name] for name in (_USERS, _ALARMS, _PLACES))
        for change in changes:
            id_ = change.user_id.encode()
            batch.put(id_, change.record, users)
            before, after = change.before, change.after
            if before.wake != after.wake:
                if before.wake is not None:
                    batch.delete(_alarm_key(before.wake, id_), alarms)
                if after.wake is not None:
                    batch.put(_alarm_key(after.wake, id_), b"", alarms)
            for place in before.places - after.places:
                batch.delete(_place_key(place, id_), places)
            for place in after.places - before.places:
                batch.put(_place_key(place, id_), b"", places)
        batch.put(_PARTITION, encode_partition(partition), self._handles[_META])
        self._db.write(batch)

    def close(self) -> None:
        """Let go of the files, so that another process can open them."""
        self._handles.clear()
        for family in self._families.values():
            family.close()
        self._families.clear()
        self._db.close()


def shared_cache(megabytes: int) -> Cache:
    """Return the block cache that all partitions of a worker share."""
    return Cache(megabytes * 1024 * 1024)


def _options(cache: Cache | None) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_write_buffer_size(_WRITE_BUFFER)
    options.set_keep_log_file_num(2)
    table = BlockBasedOptions()
    table.set_bloom_filter(_BLOOM_BITS, block_based=False)
    if cache is not None:
        table.set_block_cache(cache)
    options.set_block_based_table_factory(table)
    return options


def _wake_of(key: bytes) -> int:
    return int.from_bytes(key[:_WAKE_BYTES], "big") - _SIGN


def _alarm_key(wake: int, user_id: bytes) -> bytes:
    return (wake + _SIGN).to_bytes(_WAKE_BYTES, "big") + user_id


def _place_key(place: tuple[str, str], user_id: bytes) -> bytes:
    journey, step = place
    return b"\0".join((journey.encode(), user_id, step.encode()))
