"""Carrying out the plan, while the load flows and the supervisor starts again who ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.brokers import Broker
from tests.torture.feeding import Feeder
from tests.torture.fleet import Fleet, Member
from tests.torture.plan import Action

_CRASH_SECONDS = 45.0  # a worker with a partition commits within this
_TRIES = 3
_DOWN_SECONDS = 1.0


class Chaos:
    """Does to the fleet and the broker what the plan says."""

    def __init__(self, fleet: Fleet, feeder: Feeder, broker: Broker, journal: Path) -> None:
        self.broker_restarts = 0
        self._fleet = fleet
        self._feeder = feeder
        self._broker = broker
        self._journal = journal
        self._do: dict[str, Callable[[Action], None]] = {
            "kill": self._kill,
            "crash": self._crash,
            "freeze": self._freeze,
            "join": self._join,
            "leave": self._leave,
            "restart broker": self._restart_broker,
            "kill broker": self._kill_broker,
        }

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Do it all, in order; the load is shared out over the actions."""
        with self._journal.open("a", encoding="utf-8") as journal:
            for number, action in enumerate(actions, start=1):
                self._feeder.allow(number / len(actions))
                began = time.monotonic()
                self._do[action.kind](action)
                now, took = time.strftime("%H:%M:%S"), time.monotonic() - began
                journal.write(f"{now} {action}; done in {took:.1f} s\n")
                journal.flush()

    def _aim(self, action: Action) -> Member:
        """Return the worker of the action, or another, that runs when the pause is over."""
        while True:
            victim = self._fleet.victim(action.worker, ripe=action.ripe)
            self._fleet.wait(action.pause)
            if victim.runs:
                return victim

    def _kill(self, action: Action) -> None:
        self._fleet.kill(self._aim(action), wiped=action.wiped, away=action.away)

    def _freeze(self, action: Action) -> None:
        victim = self._aim(action)
        if action.step:
            victim.doom(action.step, signal.SIGSTOP)
            self._fleet.wait(_CRASH_SECONDS, lambda: self._has_stopped(victim))
            victim.spare()
        if victim.runs:
            self._fleet.freeze(victim, action.away)
            self._fleet.tally.frozen_in_commit += bool(action.step)
        else:
            self._freeze(action)

    def _has_stopped(self, victim: Member) -> bool:
        self._feeder.drip()
        return victim.is_stopped

    def _join(self, action: Action) -> None:
        self._fleet.wait(action.pause)
        self._fleet.join(action.worker)

    def _leave(self, action: Action) -> None:
        self._fleet.wait(action.pause)
        self._fleet.leave(action.worker)

    def _crash(self, action: Action) -> None:
        before = self._fleet.tally.crashes[action.step]
        for _ in range(_TRIES):
            victim = self._aim(action)
            victim.wiped = action.wiped
            victim.doom(action.step)
            if self._fleet.wait(_CRASH_SECONDS, lambda: self._has_crashed(action, before)):
                return
            self._spare(victim)
        self._fleet.tally.remarks.append(f"no worker came to step {action.step}")

    def _has_crashed(self, action: Action, before: int) -> bool:
        self._feeder.drip()
        return self._fleet.tally.crashes[action.step] > before

    @staticmethod
    def _spare(victim: Member) -> None:
        victim.wiped = False
        victim.spare()

    def _restart_broker(self, action: Action) -> None:
        self._fleet.wait(action.pause)
        self._broker.restart()
        self.broker_restarts += 1

    def _kill_broker(self, action: Action) -> None:
        self._fleet.wait(action.pause)
        self._broker.kill()
        self._fleet.wait(_DOWN_SECONDS)
        self._broker.start()
        self.broker_restarts += 1
