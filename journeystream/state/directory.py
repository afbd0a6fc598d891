"""A state directory as a whole: what may be wrong with it, and what becomes of a damaged one.

Laws:

1. Damaged is what RocksDB calls corrupt, or what lacks files that RocksDB names. Whatever else
   keeps it from being used (another process has it, permissions, a full disk, another version)
   is for whoever runs the worker to change: it is told, and nothing is moved.
2. A damaged directory is renamed beside itself and never deleted. An empty one takes its place,
   which recovery fills from the changelog.
3. Damage that is met in the middle of work is noted in the directory, so that the next worker
   sets it aside at once instead of meeting it again.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from pathlib import Path

from journeystream.errors import StateError
from journeystream.state.seal import broken_seal

_log = logging.getLogger(__name__)
_NOTE = "DAMAGED"  # a file in the directory; RocksDB passes over names that are not its own
_DATA = ("MANIFEST-*", "*.sst", "*.log")
# What RocksDB says, for its errors have no codes here.
_DAMAGE = (
    "Corruption",
    "IO error: No such file or directory",
    "Invalid argument: Column family not found",
)
_NO_CURRENT = "CURRENT: does not exist"
_HELD = ("While lock file", "lock hold by current process")
_FULL = ("No space left", "File too large", "quota exceeded")
# RocksDB calls a file that it may not read corrupt, too.
_NOT_LET = ("Permission denied", "Operation not permitted", "Read-only")
_TOO_MANY = ("Too many open files",)
_BAD_DISK = ("Input/output error",)
_UNKNOWN_ROWS = "Column families not opened"


class DamagedError(StateError):
    """What is stored can not be trusted: `why` says what was met. It is to be set aside."""

    def __init__(self, directory: Path, why: str) -> None:
        self.why = why
        super().__init__(
            f"state.directory {directory}: it is damaged ({why}); nothing is lost; start again: "
            f"it is set aside then, and the changelog rebuilds it"
        )


def holds_data(directory: Path) -> bool:
    """Tell whether RocksDB ever kept something in a directory."""
    return any(any(directory.glob(pattern)) for pattern in _DATA)


def known_damage(directory: Path) -> str | None:
    """Return what damage can be told before RocksDB opens: one that was noted, a broken seal."""
    note = directory / _NOTE
    if note.exists():
        said = note.read_text(encoding="utf-8", errors="replace")
        return said or "what it is could not be noted"
    damage = broken_seal(directory)
    if damage is not None:
        # RocksDB begins a new list when it opens, and then nothing would tell any more.
        _note(directory, damage)
    return damage


def set_aside(directory: Path, why: str) -> Path:
    """Rename a damaged directory beside itself and return where it is now."""
    _note(directory, why)
    aside = next(
        path
        for number in itertools.count(1)
        if not (path := directory.with_name(f"{directory.name}.corrupt-{number}")).exists()
    )
    try:
        directory.rename(aside)
    except OSError as error:
        raise StateError(
            f"state.directory {directory}: it is damaged ({why}) and can not be renamed "
            f"({error}); move it away: the changelog rebuilds it"
        ) from error
    _log.error(
        "state.directory %s: it is damaged (%s); set aside as %s, the changelog rebuilds it; "
        "look after the disk, and delete what was set aside when nobody needs it",
        directory,
        why,
        aside.name,
    )
    return aside


def open_failure(directory: Path, error: Exception) -> StateError:
    """Return what an error at opening means: damage, or what whoever runs the worker can do."""
    said = str(error)
    if _is_damage(said):
        return DamagedError(directory, said)
    if _UNKNOWN_ROWS in said:
        advice = (
            "another version wrote it: run that version, or move the directory away: the "
            "changelog rebuilds it"
        )
    elif _says(said, _HELD):
        advice = "is another worker using it? give each worker its own"
    else:
        advice = _advice(said)
    return StateError(f"state.directory {directory}: can not be opened ({said}); {advice}")


def read_failure(directory: Path, error: Exception) -> StateError:
    """Return what an error at reading means; damage is noted for the next open."""
    said = str(error)
    return _damage_met(directory, said) or StateError(
        f"state.directory {directory}: can not be read ({said}); nothing is lost; {_advice(said)}"
    )


def write_failure(directory: Path, error: Exception) -> StateError:
    """Return what an error at writing means; damage is noted for the next open."""
    said = str(error)
    return _damage_met(directory, said) or StateError(
        f"state.directory {directory}: can not be written ({said}); the turn is committed, "
        f"nothing is lost; {_advice(said)}"
    )


def tell_close_failure(directory: Path, said: str) -> None:
    """Log an error at closing, which loses nothing; damage is noted for the next open."""
    told = f"state.directory {directory}: not closed well ({said}); nothing is lost"
    _log.warning("%s", _damage_met(directory, said) or told)


def _damage_met(directory: Path, said: str) -> StateError | None:
    if not _is_damage(said):
        return None
    _note(directory, said)
    return DamagedError(directory, said)


def _is_damage(said: str) -> bool:
    if _says(said, (*_HELD, *_FULL, *_NOT_LET, *_TOO_MANY, *_BAD_DISK)):
        return False
    return said.startswith(_DAMAGE) or _NO_CURRENT in said


def _advice(said: str) -> str:
    if _says(said, _FULL):
        return "free space and start again"
    if _says(said, _TOO_MANY):
        return "raise the limit of open files (ulimit -n) and start again"
    if _says(said, _BAD_DISK):
        return "the disk fails: give the worker another one and start again"
    return "it has to be a directory that this user may write; see to that and start again"


def _says(said: str, any_of: tuple[str, ...]) -> bool:
    return any(words in said for words in any_of)


def _note(directory: Path, why: str) -> None:
    # On a full disk the file may stay empty: that it is there says enough.
    with contextlib.suppress(OSError):
        (directory / _NOTE).write_text(why, encoding="utf-8")
