"""An event loop without a machine under it: virtual time, no threads, one order of callbacks.

Laws:

1. Time stands still while anything can run, and then jumps to the next timer.
2. The same coroutines run in the same order, whatever their addresses and whatever the hash
   seed: tasks and futures hash by the order of their making.
3. A loop in which nothing is scheduled is a deadlock, and says so.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

_numbers = itertools.count()


class DeadlockError(Exception):
    """Nothing will ever happen again, and somebody waits."""


class SimulatedTask(asyncio.Task[Any]):
    """A task that hashes by the order of its making, so that sets of tasks have an order."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  asyncio's
        self._number = next(_numbers)
        super().__init__(*arguments, **named)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class SimulatedFuture(asyncio.Future[Any]):
    """A future that hashes by the order of its making."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        self._number = next(_numbers)
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Selector:
    """Instead of waiting for files, lets the time pass."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Move the time on to the next timer; there are no files."""
        if timeout is None:
            raise DeadlockError("nothing is scheduled any more")
        if timeout > 0:
            self._loop.pass_time()
        return []

    def close(self) -> None:
        """Nothing to let go of."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """A loop whose time is a number. `owner` is told of every task that is made."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Selector(self)
        self._clock_resolution = 1e-9  # what is due by then runs; 0 would mean: nothing is due yet
        self._now = 0.0
        self.made: Callable[[SimulatedTask, Context], None] = lambda *_: None
        self.set_exception_handler(lambda *_: None)  # the futures of the dead are never heard

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def pass_time(self) -> None:
        """Jump to the next timer."""
        self._now = max(self._now, self._scheduled[0]._when)  # type: ignore[attr-defined]

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
        **_: Any,  # noqa: ANN401  later Pythons' options
    ) -> SimulatedTask:
        """Make a task of ours."""
        context = context or copy_context()
        task = SimulatedTask(coro, loop=self, name=name or "task", context=context)
        self.made(task, context)
        return task

    def create_future(self) -> SimulatedFuture:
        """Make a future of ours."""
        return SimulatedFuture(loop=self)

    def _process_events(self, _: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""
