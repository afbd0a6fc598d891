"""A worker with a bug: the journey `unlucky` fails on users whose id begins with `x`."""

from __future__ import annotations

from journeystream.cli import main
from journeystream.compiler import CompiledJourney
from journeystream.engine import _Walk
from journeystream.user import Instance

_progress = _Walk._progress


def _fail(walk: _Walk, instance: Instance, journey: CompiledJourney) -> None:
    if journey.id == "unlucky" and walk.user.id.startswith("x"):
        walk.journey_at_work = journey.id
        raise RuntimeError("a bug")
    _progress(walk, instance, journey)


if __name__ == "__main__":
    _Walk._progress = _fail  # type: ignore[method-assign, assignment]
    main()
