"""A worker's process as the world sees it: it lives, is frozen for a while, or is dead.

Laws:

1. Nothing that a dead process asked for is answered, and nothing more goes out of it. What was
   under way when it died arrives all the same.
2. A frozen process hears and sends nothing; once thawed it goes on where it was, as a zombie
   does. Its answers come then, in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any

from tests.simulation.loop import SimulatedLoop, SimulatedTask

_PROCESS: ContextVar[Process | None] = ContextVar("_PROCESS", default=None)


class Process:
    """Owns the tasks that were made in it, and those that they made."""

    def __init__(self, name: str, loop: SimulatedLoop) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self._loop = loop
        self._tasks: list[SimulatedTask] = []
        self._held: list[Callable[[], object]] = []
        self._context = Context()
        self._context.run(_PROCESS.set, self)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task of the process, unless it is dead."""
        if self.alive:
            self._loop.create_task(work, context=self._context.copy())
        else:
            work.close()

    def do(self, action: Callable[[], object]) -> None:
        """Do something now, when the process is thawed, or never."""
        if self.frozen:
            self._held.append(action)
        elif self.alive:
            action()

    def freeze(self) -> None:
        """Stop the process, as SIGSTOP or a long pause of its machine does."""
        self.frozen = self.alive

    def thaw(self) -> None:
        """Let it go on."""
        self.frozen = False
        held, self._held = self._held, []
        for action in held:
            self._loop.call_soon(self.do, action)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.alive = self.frozen = False
        self._held.clear()
        for task in self._tasks:
            task.cancel()

    def adopt(self, task: SimulatedTask) -> None:
        """Count a task as one of the process's."""
        self._tasks.append(task)


def adopt_tasks(loop: SimulatedLoop) -> None:
    """Let each task of the loop belong to the process in which it was made."""

    def made(task: SimulatedTask, context: Context) -> None:
        process = context.get(_PROCESS)
        if process is not None:
            process.adopt(task)

    loop.made = made
