"""An export that is killed just before it does something to the disk for the DIES_AT-th time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

from journeystream.cli import main

_steps = count(1)
_last = int(os.environ["DIES_AT"])


def _doomed(call: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  as the call's
        if next(_steps) == _last:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)

    return dying


if __name__ == "__main__":
    for name in ("mkdir", "rename", "fsync", "open"):
        vars(os)[name] = _doomed(vars(os)[name])
    main()
