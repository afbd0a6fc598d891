"""The processes of a contestant: started, watched from outside, and ended.

CPU and memory are those of whole process trees, as Linux tells them in /proc.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
_STOP_SECONDS = 30.0
_STEP_SECONDS = 180.0
_LOOK_SECONDS = 0.05
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Fields of /proc/PID/stat behind the command's name.
_PARENT, _TIMES, _RSS = 1, slice(11, 15), 21


class RunFailed(Exception):
    """What was run did not get through; the message says why."""


@dataclass(frozen=True)
class Command:
    """A process to start: its words, and environment variables beside our own."""

    words: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """What process trees have used: CPU seconds so far, resident bytes now."""

    cpu: float
    rss: int


class Processes:
    """Processes that run side by side and write to one log."""

    def __init__(self, log: Path | str, commands: Sequence[Command]) -> None:
        self._log = Path(log)
        with self._log.open("ab") as output:
            self._running = [
                subprocess.Popen(  # noqa: S603  no shell, and the commands are ours
                    [str(word) for word in command.words],
                    cwd=ROOT,
                    env={**os.environ, **command.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C reaches the benchmark, which ends them
                )
                for command in commands
            ]

    @property
    def alive(self) -> bool:
        """Whether all of them run."""
        return all(process.poll() is None for process in self._running)

    def usage(self) -> Usage:
        """Return what they and their children have used."""
        stats = _all_stats()
        wanted = {process.pid for process in self._running}
        while more := {pid for pid, stat in stats.items() if int(stat[_PARENT]) in wanted} - wanted:
            wanted |= more
        mine = [stats[pid] for pid in wanted if pid in stats]
        ticks = sum(int(text) for stat in mine for text in stat[_TIMES])
        return Usage(ticks / _TICK, sum(int(stat[_RSS]) for stat in mine) * _PAGE)

    @property
    def log(self) -> str:
        """All that they wrote, and whoever wrote to that log before."""
        return self._log.read_text(errors="replace")

    def log_end(self) -> str:
        """Return the last lines that they wrote."""
        return "\n".join(self.log.splitlines()[-15:])

    def wait_until(
        self, seen: Callable[[], bool], what: str, seconds: float = _STEP_SECONDS
    ) -> None:
        """Wait for something while they run. Raises RunFailed when they end, or time is up."""
        deadline = time.monotonic() + seconds
        while not seen():
            if not self.alive:
                raise RunFailed(f"it ended by itself:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise RunFailed(f"waited {seconds:.0f} s for {what}:\n{self.log_end()}")
            time.sleep(_LOOK_SECONDS)

    def finish(self, seconds: float) -> None:
        """Wait until all have ended well. Raises RunFailed if they do not."""
        deadline = time.monotonic() + seconds
        for process in self._running:
            try:
                code = process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                raise RunFailed(f"no end in {seconds:.0f} s:\n{self.log_end()}") from None
            if code:
                raise RunFailed(f"it ended with {code}:\n{self.log_end()}")

    def kill(self) -> None:
        """End them as a power cut would."""
        for process in self._running:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Ask them to end, and end them if they do not."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def running(log: Path | str, commands: Sequence[Command]) -> Iterator[Processes]:
    """Run processes for the length of the block."""
    processes = Processes(log, commands)
    try:
        yield processes
    finally:
        processes.stop()


def finish(words: Sequence[str | Path]) -> None:
    """Run a step to its end. Raises RunFailed, with what it wrote, if it does not end well."""
    try:
        done = subprocess.run(  # noqa: S603  no shell, and the words are ours
            [str(word) for word in words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=_STEP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"no end in {_STEP_SECONDS:.0f} s: {words[-1]}") from None
    if done.returncode:
        raise RunFailed(f"{' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")


def _all_stats() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                text = Path(entry.path, "stat").read_text()
            except OSError:
                continue  # it has ended
            # A command's name may hold blanks and brackets.
            found[int(entry.name)] = text[text.rindex(")") + 2 :].split()
    return found
