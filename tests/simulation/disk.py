"""Directories of state on a machine, as a crash leaves them.

Laws: `save` is whole or not there; a dead process writes nothing; one process has a directory
at a time. A directory may be lost, or fall back to an earlier save, as on a machine that lost
its power before the file system wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from journeystream.errors import StateError
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.store import Change
from tests.simulation.process import Process

_KEPT = 6  # saves that a directory can fall back to


class Directory:
    """One partition's state on one machine; `saves` are images, the newest last."""

    def __init__(self) -> None:
        self.saves: list[tuple[Any, ...]] = []
        self.opened: DiskStore | None = None

    @property
    def held(self) -> bool:
        """Whether a living process has it open."""
        return (
            self.opened is not None
            and self.opened.process is not None
            and self.opened.process.alive
        )

    def open(self, process: Process, hook: Callable[[str], None]) -> DiskStore:
        """Open the directory; refused while another one has it."""
        if self.held:
            raise StateError("the state directory is held by another process")
        self.opened = DiskStore(self, process, hook)
        return self.opened

    def image(self) -> DiskStore:
        """Return what the directory holds."""
        return DiskStore(self, None, lambda _: None)

    def fall_back(self, saves: int) -> None:
        """Forget the newest saves."""
        del self.saves[max(0, len(self.saves) - saves) :]


class DiskStore(MemoryStore):
    """A store whose saves outlive its process; `hook` hears of each, before and after."""

    def __init__(
        self, directory: Directory, process: Process | None, hook: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.process = process
        self._directory = directory
        self._hook = hook
        if directory.saves:
            records, alarms, places, self._partition = directory.saves[-1]
            self._records, self._alarms, self._places = dict(records), set(alarms), set(places)

    def save(self, changes: Iterable[Change], partition: PartitionState) -> None:
        """Store everything, unless the process is dead."""
        self._hook("before")
        if self.process is None or not self.process.alive or self._directory.opened is not self:
            return
        super().save(changes, partition)
        saves = self._directory.saves
        saves.append((dict(self._records), set(self._alarms), set(self._places), self._partition))
        del saves[:-_KEPT]
        self._hook("heard")

    def close(self) -> None:
        """Let go of the directory."""
        if self._directory.opened is self:
            self._directory.opened = None


def contents(store: MemoryStore) -> tuple[Any, ...]:
    """Return all that a store keeps, but for the changelog offset that it stands for."""
    partition = store.partition()
    partition.changelog = 0
    return store._records, store._alarms, store._places, partition
