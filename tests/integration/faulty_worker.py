"""A worker with bugs: the journey `unlucky` fails on users whose id begins with `x`, and a turn
in the journey `endless` takes a minute.
"""  # noqa: D205  one sentence

from __future__ import annotations

import sys
import time

from journeystream import engine, moving
from journeystream.cli import main
from journeystream.compiler import CompiledJourney
from journeystream.user import Instance
from journeystream.walk import Walk
from journeystream.walking import progress


def _fail(walk: Walk, instance: Instance, journey: CompiledJourney) -> None:
    if journey.id == "unlucky" and walk.user.id.startswith("x"):
        walk.journey_at_work = journey.id
        raise RuntimeError("a bug")
    if journey.id == "endless":
        sys.stderr.write("a long turn begins\n")
        time.sleep(60)
    progress(walk, instance, journey)


if __name__ == "__main__":
    for module in (engine, moving):
        vars(module)["progress"] = _fail
    main()
