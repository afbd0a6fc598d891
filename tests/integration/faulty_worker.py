"""A worker with bugs: the journey `unlucky` fails on users whose id begins with `x`, and a turn
in the journey `endless` takes a minute.
"""  # noqa: D205  one sentence

from __future__ import annotations

import sys
import time

from journeystream.cli import main
from journeystream.compiler import CompiledJourney
from journeystream.engine import _Walk
from journeystream.user import Instance

_progress = _Walk._progress


def _fail(walk: _Walk, instance: Instance, journey: CompiledJourney) -> None:
    if journey.id == "unlucky" and walk.user.id.startswith("x"):
        walk.journey_at_work = journey.id
        raise RuntimeError("a bug")
    if journey.id == "endless":
        sys.stderr.write("a long turn begins\n")
        time.sleep(60)
    _progress(walk, instance, journey)


if __name__ == "__main__":
    _Walk._progress = _fail  # type: ignore[method-assign, assignment]
    main()
