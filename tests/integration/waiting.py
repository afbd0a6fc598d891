"""Waiting for what must come: asked for again and again, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

PATIENCE = 90.0
_PAUSE_SECONDS = 0.02  # who asks without a pause takes the machine from whom it waits for
_nothing = Event()


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Ask until the condition holds; fail with `what` was awaited."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience} s for {what}"
        _nothing.wait(_PAUSE_SECONDS)
