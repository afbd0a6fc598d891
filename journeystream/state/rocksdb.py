"""The store on disk: one RocksDB per partition, one column family per kind of row.

* `users`: user id -> record
* `alarms`: wake (8 bytes, big-endian, so that rows sort by time) + user id -> nothing
* `places`: journey 0x00 user id 0x00 step -> nothing
* `meta`: `partition` -> the partition's position; `format` -> the form of these rows;
  `identity` -> whose state this is; `save` + number (8 bytes, big-endian) -> nothing

A save is one WriteBatch with the write-ahead log on and without fsync: a kill of the process
loses nothing, and after a loss of the machine the changelog completes what is missing, from
the changelog offset that the same batch carries.

Law: what opens is whole: it is as it was after some save. Which save does not matter, for a
store that is behind is completed by recovery; a mixture of saves would keep wrong alarms for
ever. RocksDB replays its log up to the first doubtful byte, and the column families are
flushed together, so what is missing is the end, or a piece in the middle. Then the `save` row
from before the gap is still there, for the first save of the gap would have deleted it: whoever
opens expects exactly one. `seal.py` sees to the rest; a damaged directory is set aside
(`directory.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from journeystream.errors import StateError
from journeystream.journeys import Journeys
from journeystream.state.codec import (
    PartitionState,
    decode_partition,
    decode_user,
    encode_partition,
)
from journeystream.state.directory import (
    DamagedError,
    holds_data,
    known_damage,
    open_failure,
    read_failure,
    set_aside,
    tell_close_failure,
    write_failure,
)
from journeystream.state.seal import seal
from journeystream.state.store import Change, Met, Size
from journeystream.user import User

_USERS, _ALARMS, _PLACES, _META = "users", "alarms", "places", "meta"
_PARTITION, _FORMAT, _IDENTITY, _SAVE = b"partition", b"format", b"identity", b"save"
_FORM = b"1"  # of the rows; records have a version of their own (codec.py)
_WAKE_BYTES = _NUMBER_BYTES = 8
_SIGN = 1 << 63  # shifts signed instants into unsigned order: before 1970 sorts first
_WRITE_BUFFER = 16 * 1024 * 1024  # per column family; bounds memory, costs more flushes
_ROWS = ("rocksdb.estimate-num-keys",)
_BYTES = ("rocksdb.live-sst-files-size", "rocksdb.cur-size-all-mem-tables")
_BLOOM_BITS = 10  # about 1 % of the look-ups of unknown users touch the disk


class RocksStore:
    """The users of one partition in a directory of their own.

    `identity` says whose state it is; a directory with another one is refused. `set_aside` is
    where a damaged directory was moved to at opening, if it was.
    """

    def __init__(
        self, directory: Path, cache: Cache | None = None, identity: str | None = None
    ) -> None:
        self._directory = directory
        self._met = Met()
        self.set_aside: Path | None = None
        damage = self._try_to_open(cache)
        if damage is not None:
            self.set_aside = set_aside(directory, damage)
            self._open(cache)
        try:
            self._claim(identity)
            seal(directory)
        except StateError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise open_failure(directory, error) from error

    def met(self, journeys: Journeys) -> set[str]:
        """Return who is no stranger to these journeys, as far as known."""
        return self._met.of(journeys)

    def load(self, ids: Collection[str]) -> dict[str, User]:
        """Return the users that are known among `ids`."""
        return {id_: decode_user(id_, record) for id_, record in self.records(ids).items()}

    def records(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the records of those that are known among `ids`, in one multi-get."""
        if not ids:
            return {}
        wanted = list(ids)
        try:
            records = self._families[_USERS].get([id_.encode() for id_ in wanted])
        except Exception as error:
            raise read_failure(self._directory, error) from error
        return {
            id_: record for id_, record in zip(wanted, records, strict=True) if record is not None
        }

    def due(self, until: int, most: int | None = None) -> list[tuple[int, str]]:
        """Return alarms at or before `until`, in order."""
        found: list[tuple[int, str]] = []
        try:
            rows = self._families[_ALARMS].iter()
            rows.seek_to_first()
            while rows.valid():
                key = rows.key()
                wake = _wake_of(key)
                if wake > until or len(found) == most:
                    return found
                found.append((wake, key[_WAKE_BYTES:].decode()))
                rows.next()
            rows.status()  # as in _keys, which would take longer
        except Exception as error:
            raise read_failure(self._directory, error) from error
        return found

    def next_wake(self) -> int | None:
        """Return the earliest alarm."""
        try:
            rows = self._families[_ALARMS].iter()
            rows.seek_to_first()
            if rows.valid():
                return _wake_of(rows.key())
            rows.status()
        except Exception as error:
            raise read_failure(self._directory, error) from error
        return None

    def members(self, journey: str, limit: int, after: str = "") -> list[str]:
        """Return users who are in the journey."""
        return list(self.standing(journey, limit, after))

    def standing(self, journey: str, limit: int, after: str = "") -> dict[str, list[str]]:
        """Return at which steps of the journey users stand, by user."""
        prefix = journey.encode() + b"\0"
        standing: dict[str, list[str]] = {}
        for key in self._keys(_PLACES, prefix + (after.encode() + b"\x01" if after else b"")):
            if not key.startswith(prefix):
                break
            user, step = key[len(prefix) :].decode().rsplit("\0", 1)
            if user not in standing and len(standing) >= limit:
                break
            standing.setdefault(user, []).append(step)
        return standing

    def users(self, after: str = "") -> Iterator[str]:
        """Return everyone's id, in order, behind `after`."""
        first = after.encode() + b"\0" if after else b""
        return (key.decode() for key in self._keys(_USERS, first))

    def partition(self) -> PartitionState:
        """Return where the partition stands."""
        data = self._meta(_PARTITION)
        return PartitionState() if data is None else decode_partition(data)

    def save(self, changes: Iterable[Change], partition: PartitionState) -> None:
        """Store everything in one atomic batch."""
        batch = WriteBatch(raw_mode=True)
        users, alarms, places = (self._handles[name] for name in (_USERS, _ALARMS, _PLACES))
        for change in changes:
            id_ = change.user_id.encode()
            if change.record is None:
                batch.delete(id_, users)
            else:
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
        batch.delete(_save_key(self._saves), self._handles[_META])
        batch.put(_save_key(self._saves + 1), b"", self._handles[_META])
        self._write(batch)
        self._saves += 1

    def size(self) -> Size:
        """Return what RocksDB estimates; a user who was written again counts until it compacts."""
        return Size(
            self._sum(_ROWS, _USERS), self._sum(_ROWS, _ALARMS), self._sum(_BYTES, *self._families)
        )

    def close(self) -> None:
        """Let go of the files, so that another process can open them; it never fails."""
        self._handles.clear()
        failures = []
        for part in (*self._families.values(), self._db):
            try:
                part.close()
            except Exception as error:  # noqa: BLE001  the others have to be closed too
                failures.append(str(error))
        self._families.clear()
        try:
            seal(self._directory)
        except OSError as error:
            failures.append(str(error))
        if failures:
            tell_close_failure(self._directory, failures[0])

    # ── opening ──────────────────────────────────────────────────────────────────────────

    def _try_to_open(self, cache: Cache | None) -> str | None:
        """Open, or return what is damaged."""
        try:
            self._open(cache)
        except DamagedError as damage:
            # Not the error itself: its frames hold on to RocksDB, and so to its lock.
            return damage.why
        return None

    def _open(self, cache: Cache | None) -> None:
        """Open what is whole; DamagedError says what is not."""
        names = (_USERS, _ALARMS, _PLACES, _META)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            damage = known_damage(self._directory)
            # RocksDB would put an empty store in the place of one that lost its files.
            options = _options(cache, create=not holds_data(self._directory))
            self._db = Rdict(
                str(self._directory),
                options=options,
                column_families=dict.fromkeys(names, options),
                access_type=AccessType.read_write(),
            )
        except Exception as error:
            raise open_failure(self._directory, error) from error
        self._families: dict[str, Any] = {name: self._db.get_column_family(name) for name in names}
        self._handles = {name: self._db.get_column_family_handle(name) for name in names}
        try:
            # Not before the lock is ours: else somebody may be at work here.
            if damage:
                raise DamagedError(self._directory, damage)
            self._check()
        except StateError:
            self.close()
            raise

    def _check(self) -> None:
        """Refuse another form and what is not whole; learn the number of the last save."""
        form = self._meta(_FORMAT)
        if form is not None and form != _FORM:
            raise StateError(
                f"state.directory {self._directory}: its rows have form "
                f"{form.decode(errors='replace')}, this version reads form {_FORM.decode()}; run "
                f"the version that wrote it, or move the directory away: the changelog rebuilds "
                f"it, if this version can read its records"
            )
        saves = [
            int.from_bytes(key[len(_SAVE) :], "big")
            for key in self._keys(_META, _SAVE)
            if key.startswith(_SAVE)
        ]
        # What was written before there was a mark has no such row.
        if len(saves) != (form is not None):
            raise DamagedError(self._directory, f"saves are missing before the last one: {saves}")
        self._saves = saves[0] if saves else 0

    def _claim(self, identity: str | None) -> None:
        """Mark a directory that has no mark; refuse one that has another's."""
        batch = WriteBatch(raw_mode=True)
        meta = self._handles[_META]
        if self._meta(_FORMAT) is None:
            batch.put(_FORMAT, _FORM, meta)
            batch.put(_save_key(self._saves), b"", meta)
        if identity is not None:
            found = self._meta(_IDENTITY)
            if found is None:
                batch.put(_IDENTITY, identity.encode(), meta)
            elif found != identity.encode():
                raise StateError(
                    f"state.directory {self._directory}: it holds the state of "
                    f"{found.decode()}, not of {identity}; give it back, or move it away: the "
                    f"changelog rebuilds it"
                )
        if not batch.is_empty():
            self._write(batch)

    # ── RocksDB's errors become ours ─────────────────────────────────────────────────────

    def _keys(self, family: str, first: bytes = b"") -> Iterator[bytes]:
        """Return a family's keys, in order, from `first` on."""
        try:
            rows = self._families[family].iter()
            rows.seek(first)
            while rows.valid():
                yield rows.key()
                rows.next()
            # At a damaged block it ends as at the last row; its status tells them apart.
            rows.status()
        except Exception as error:
            raise read_failure(self._directory, error) from error

    def _sum(self, properties: Iterable[str], *families: str) -> int:
        try:
            return sum(
                self._families[family].property_int_value(name) or 0
                for family in families
                for name in properties
            )
        except Exception as error:
            raise read_failure(self._directory, error) from error

    def _meta(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._families[_META].get(key)
        except Exception as error:
            raise read_failure(self._directory, error) from error
        return value

    def _write(self, batch: WriteBatch) -> None:
        try:
            self._db.write(batch)
        except Exception as error:
            raise write_failure(self._directory, error) from error


def shared_cache(megabytes: int) -> Cache:
    """Return the block cache that all partitions of a worker share."""
    return Cache(megabytes * 1024 * 1024)


def _options(cache: Cache | None, *, create: bool) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(create)
    options.create_missing_column_families(create)
    options.set_atomic_flush(True)
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


def _save_key(number: int) -> bytes:
    return _SAVE + number.to_bytes(_NUMBER_BYTES, "big")
