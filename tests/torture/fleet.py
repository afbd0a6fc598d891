"""The workers as processes, and their supervisor.

A worker that is wanted and ends, however it ended, is started again, as a supervisor would.
The fleet counts what became of whom; it decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from tests.integration.waiting import PATIENCE
from tests.integration.world import World
from tests.torture.doomed_worker import STEP_FILE
from tests.torture.plan import Wanted

ROOT = Path(__file__).parents[2]
_RESTART_SECONDS = 0.5
_LOOK_SECONDS = 0.02
_TAKEN_OVER = b"taken over"
_OVERTAKEN_WITHIN = 60.0  # a frozen worker wakes then, also when nobody took over from it


@dataclass
class Tally:
    """What the workers went through. `deaths` are by the last line that was told."""

    kills: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    zombies: int = 0
    zombies_alone: int = 0
    frozen_in_commit: int = 0
    starts: int = 0
    deleted: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


class Member:
    """One worker by name: its process, if any, its state directory and its log."""

    def __init__(self, world: World, name: str, guarantee: str) -> None:
        self.name = name
        self._guarantee = guarantee
        self.state = world.directory / f"state-{name}"
        self.log = world.directory / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts_at: float | None = None
        self.wakes_at: float | None = None
        self.wiped = False
        self._step_file = world.directory / f"{name}.step"
        self._command = [sys.executable, "-m", "tests.torture.doomed_worker"]
        self._command += ["-p", str(world.file), "run"]
        self._log_start = 0
        self._awake_from = 0
        self.step = ""
        self.log.touch()

    def start(self) -> None:
        """Start it; what it tells from now on is its own."""
        self._log_start = self._awake_from = self.log.stat().st_size
        environment = {
            **os.environ,
            "JOURNEYSTREAM_STATE__DIRECTORY": str(self.state),
            "JOURNEYSTREAM_KAFKA__INSTANCE": self.name,
            "JOURNEYSTREAM_KAFKA__GUARANTEE": self._guarantee,
            STEP_FILE: str(self._step_file),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        self.starts_at = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is somebody to get it."""
        if self.process is not None:
            self.process.send_signal(number)

    def wake(self) -> None:
        """Let it go on where it was stopped."""
        self._awake_from = self.log.stat().st_size
        self.send(signal.SIGCONT)
        self.wakes_at = None

    @property
    def runs(self) -> bool:
        """Whether it is there and awake."""
        return self.process is not None and self.process.poll() is None and self.wakes_at is None

    @property
    def takeovers(self) -> int:
        """How many partitions it has taken over, ever."""
        return self.log.read_bytes().count(_TAKEN_OVER)

    @property
    def is_ripe(self) -> bool:
        """Whether it has had a partition since its start, or since it woke.

        What a zombie had before is another's now, which it may not know yet.
        """
        return self.runs and _TAKEN_OVER in self.log.read_bytes()[self._awake_from :]

    @property
    def is_stopped(self) -> bool:
        """Whether it has stopped itself."""
        if self.process is None:
            return False
        look = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, look) is not None

    def doom(self, step: str, by: signal.Signals = signal.SIGKILL) -> None:
        """Let it be hit in a step of the next commit that begins."""
        self.step = step if by == signal.SIGKILL else ""
        fresh = self._step_file.with_suffix(".new")
        fresh.write_text(f"{by.name} {step}", encoding="utf-8")
        fresh.rename(self._step_file)

    def spare(self) -> None:
        """Take that back."""
        self.step = ""
        self._step_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return the last line that it wrote since its start, without its numbers."""
        lines = self.log.read_bytes()[self._log_start :].decode(errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "nothing")

    def wipe(self) -> None:
        """Delete its state directory."""
        shutil.rmtree(self.state, ignore_errors=True)


class Fleet:
    """All workers that there ever are, by number from 1."""

    def __init__(self, world: World, wanted: Wanted, tick: Callable[[], None]) -> None:
        self.tally = Tally()
        numbers, guarantee = range(1, wanted.most_workers + 1), wanted.commit.guarantee
        self.members = {n: Member(world, f"worker-{n}", guarantee) for n in numbers}
        self._wanted: set[Member] = set()
        self._frozen: dict[Member, tuple[int, float]] = {}
        self._tick = tick
        self._clock = Event()

    # ── the supervisor ───────────────────────────────────────────────────────────────────

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Tend the workers for so long, or until the condition holds; tell whether it does."""
        deadline = time.monotonic() + seconds
        while True:
            self.tend()
            if until():
                return True
            if time.monotonic() >= deadline:
                return False
            self._clock.wait(_LOOK_SECONDS)

    def tend(self) -> None:
        """Wake who has slept long enough, start again who is wanted and ended."""
        now = time.monotonic()
        for member in self.members.values():
            if member.wakes_at is not None and now >= member.wakes_at:
                self._wake(member, now)
            if member.process is not None and (code := member.process.poll()) is not None:
                self._bury(member, code)
            if member in self._wanted and member.process is None:
                if member.starts_at is None:
                    member.starts_at = now + _RESTART_SECONDS
                if now >= member.starts_at:
                    member.start()
                    self.tally.starts += 1
        self._tick()

    def _bury(self, member: Member, code: int) -> None:
        """Note who ended by themselves, or in a step of the commit."""
        member.process = None
        member.wakes_at = None
        if code == -signal.SIGKILL and member.step:
            self.tally.crashes[member.step] += 1
            member.step = ""
        elif member in self._wanted:
            self.tally.deaths[f"exit code {code}: {member.last_words()}"] += 1
        if member.wiped:
            self._wipe(member)

    def _wipe(self, member: Member) -> None:
        member.wipe()
        member.wiped = False
        self.tally.deleted += 1

    # ── what can be done to them ─────────────────────────────────────────────────────────

    def victim(self, number: int, *, ripe: bool) -> Member:
        """Return that worker, or another that runs; a ripe one if it can be had in time."""
        turn = [*range(number, len(self.members) + 1), *range(1, number)]

        def fit() -> Iterator[Member]:
            members = [self.members[each] for each in turn]
            return (each for each in members if (each.is_ripe if ripe else each.runs))

        assert self.wait(PATIENCE, lambda: any(fit())), f"no worker took over in {PATIENCE} s"
        return next(fit())

    def join(self, number: int) -> None:
        """Want a worker."""
        self._wanted.add(self.members[number])
        self.members[number].starts_at = time.monotonic()

    def leave(self, number: int) -> None:
        """Ask a worker to end, and want it no more."""
        member = self.members[number]
        self.wait(PATIENCE, lambda: member.wakes_at is None)
        self._wanted.discard(member)
        process = member.process
        if process is not None:
            member.send(signal.SIGTERM)
            self._see_off(member, process)

    def _see_off(self, member: Member, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a worker that was asked to."""
        if not self.wait(PATIENCE, lambda: process.poll() is not None):
            self.tally.remarks.append(f"{member.name} did not end within {PATIENCE} s of SIGTERM")
            process.kill()
            process.wait()
        elif process.returncode != 0:
            last = member.last_words()
            self.tally.remarks.append(
                f"{member.name} was asked to end: exit code {process.returncode}, {last}"
            )

    def kill(self, member: Member, *, wiped: bool, away: float) -> None:
        """End a worker by SIGKILL; it is started again after a while."""
        process = member.process
        if process is None:
            return
        process.kill()
        process.wait()
        member.process = None
        self.tally.kills += 1
        if wiped:
            self._wipe(member)
        member.starts_at = time.monotonic() + away

    def freeze(self, member: Member, seconds: float) -> None:
        """Stop a worker where it is; it wakes when others have its partitions."""
        member.send(signal.SIGSTOP)
        now = time.monotonic()
        member.wakes_at = now + seconds
        self._frozen[member] = self._taken_by_others(member), now

    def _wake(self, member: Member, now: float) -> None:
        before, since = self._frozen[member]
        overtaken = self._taken_by_others(member) > before
        if not overtaken and now < since + _OVERTAKEN_WITHIN:
            return
        member.wake()
        del self._frozen[member]
        self.tally.zombies += overtaken
        self.tally.zombies_alone += not overtaken

    def _taken_by_others(self, member: Member) -> int:
        return sum(each.takeovers for each in self.members.values() if each is not member)

    # ── the end ──────────────────────────────────────────────────────────────────────────

    def calm(self) -> None:
        """Let everybody sleep out, and spare those who are still doomed."""
        for member in self.members.values():
            member.spare()
        self.wait(
            PATIENCE,
            lambda: not self._frozen and all(member.is_ripe for member in self._wanted),
        )

    def stop(self) -> Iterator[str]:
        """Ask everybody to end; yield who did not do so well."""
        told = len(self.tally.remarks)
        going = [(member, member.process) for member in self._wanted]
        for member, _ in going:
            self._wanted.discard(member)
            member.send(signal.SIGTERM)
        for member, process in going:
            if process is not None:
                self._see_off(member, process)
        yield from self.tally.remarks[told:]

    def destroy(self) -> None:
        """Leave no process behind, whatever happened."""
        self._wanted.clear()
        for member in self.members.values():
            if member.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    member.process.kill()
                member.process.wait()
                member.process = None
