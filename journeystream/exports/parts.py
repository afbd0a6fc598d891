"""The parts of an export: directories that each hold what was in some offsets of a partition.

    DIRECTORY/export.json                                   which topic, in which format
    DIRECTORY/partition-3/000000000000-000000004096/        offsets 0 up to 4096, without it
        stages.jsonl  goals.jsonl  paths.jsonl              a file for each kind, empty if none was

Laws:

1. A part is there as a whole or not at all: it is written under another name, brought to the
   disk, and renamed. Its name says what it covers. So the parts say how far an export has come,
   and a kill at any moment, or a power cut, loses and repeats nothing.
2. One process writes at a time; a part that is there is never changed.
3. Whoever takes parts away leaves the last one of each partition: it says where to go on.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from journeystream.errors import UserError
from journeystream.exports.formats import Format, read_rows, write_rows
from journeystream.travel_rows import KINDS, Kind, Row, check

_ABOUT, _LOCK, _WRITING = "export.json", ".lock", ".writing"
_PARTITION = re.compile(r"partition-(\d+)")
_OFFSETS = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """What was at the offsets from `first` up to `until`, without it."""

    partition: int
    first: int
    until: int

    @property
    def path(self) -> str:
        """Its directory in that of the export."""
        return f"partition-{self.partition}/{self.first:012d}-{self.until:012d}"


class Export:
    """The export in a directory that belongs to nobody else; see `exporting`."""

    def __init__(self, directory: Path, format_: Format) -> None:
        self.directory = directory
        self._format = format_
        self._until = {part.partition: part.until for part in parts_in(directory)}

    def until(self, partition: int) -> int | None:
        """Return the next offset to export; None where nothing was."""
        return self._until.get(partition)

    def write(self, part: Part, rows: Mapping[Kind, Sequence[Row]]) -> None:
        """Write a part, which then is there for good; UserError if the disk refuses."""
        with _refusals(self.directory):
            self._write(part, rows)
        self._until[part.partition] = part.until

    def _write(self, part: Part, rows: Mapping[Kind, Sequence[Row]]) -> None:
        written = self.directory / _WRITING
        shutil.rmtree(written, ignore_errors=True)  # of a process that was killed
        written.mkdir()
        for kind in KINDS:
            with (written / f"{kind}s.{self._format}").open("wb") as file:
                write_rows(file, self._format, kind, rows.get(kind, ()))
                file.flush()
                os.fsync(file.fileno())
        _sync(written)
        goal = self.directory / part.path
        if not goal.parent.exists():
            goal.parent.mkdir()
            _sync(self.directory)
        written.rename(goal)
        _sync(goal.parent)


@contextmanager
def exporting(directory: Path, topic: str, format_: Format) -> Iterator[Export]:
    """Give the export of a topic in a directory; UserError if it holds something else."""
    with ExitStack() as opened:
        with _refusals(directory):
            directory.mkdir(parents=True, exist_ok=True)
            lock = opened.enter_context((directory / _LOCK).open("a"))
            _hold(lock.fileno(), directory)
            _claim(directory, topic, format_)
            export = Export(directory, format_)
        yield export


def parts_in(directory: Path) -> list[Part]:
    """Return the parts of an export, in order; UserError where two hold the same offsets."""
    parts = sorted(
        Part(int(partition[1]), int(offsets[1]), int(offsets[2]))
        for parent in directory.iterdir()
        if (partition := _PARTITION.fullmatch(parent.name))
        for path in parent.iterdir()
        if (offsets := _OFFSETS.fullmatch(path.name))
    )
    for one, next_ in pairwise(parts):
        if one.partition == next_.partition and next_.first < one.until:
            raise UserError(
                f"{directory / one.path} and {directory / next_.path} hold the same offsets; take "
                f"away the one that was put there by hand"
            )
    return parts


def rows_in(directory: Path) -> Iterator[tuple[Kind, Row]]:
    """Yield what was exported to a directory; UserError if that is none, or is damaged."""
    if not (directory / _ABOUT).exists():
        raise UserError(
            f"{directory} is no export; make one: journeystream export --to {directory}"
        )
    for part in parts_in(directory):
        for kind in KINDS:
            for path in sorted((directory / part.path).glob(f"{kind}s.*")):
                try:
                    for row in read_rows(path, kind):
                        check(kind, row)
                        yield kind, row
                except (OSError, ValueError, KeyError) as error:
                    raise UserError(
                        f"{path}: can not be read ({error}); was it changed by hand?"
                    ) from error


@contextmanager
def _refusals(directory: Path) -> Iterator[None]:
    """Say what to do when the disk refuses."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{error.filename or directory}: can not be written ({error.strerror}); nothing is "
            f"lost: mend that, or name another directory, and export again"
        ) from error


def _claim(directory: Path, topic: str, format_: Format) -> None:
    """Note what the directory is for, if nobody has; refuse it if it is for something else."""
    about, wanted = directory / _ABOUT, {"topic": topic, "format": str(format_)}
    if not about.exists():
        new = directory / f"{_ABOUT}.new"
        with new.open("w", encoding="utf-8") as file:
            file.write(json.dumps(wanted) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.rename(about)
        _sync(directory)
        return
    try:
        found = json.loads(about.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if found != wanted:
        raise UserError(
            f"{directory} holds an export of {found}, not of {wanted}; export to another directory"
        )


def _hold(lock: int, directory: Path) -> None:
    import fcntl  # noqa: PLC0415 -- Windows has none: it may read an export, not make one

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"another process exports to {directory}; wait until it is done") from None


def _sync(directory: Path) -> None:
    """Bring the names in a directory to the disk."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
