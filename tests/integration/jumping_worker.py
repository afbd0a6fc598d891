"""A worker on a machine whose clock is set: it is wrong by the seconds in the file JUMP_FILE."""

from __future__ import annotations

import os
import time
from pathlib import Path

from journeystream import app
from journeystream.cli import main
from journeystream.clock import WallClock

JUMP_FILE = "JUMP_FILE"
_file = Path(os.environ.get(JUMP_FILE, os.devnull))


def _machine_ns() -> int:
    return time.time_ns() + round(float(_file.read_text() or 0) * 1_000_000_000)


if __name__ == "__main__":
    setattr(app, "WallClock", lambda: WallClock(_machine_ns))  # noqa: B010  no type allows it
    main()
