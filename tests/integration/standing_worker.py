"""A worker whose commits never come to an end, and that calls three seconds a standstill."""

from __future__ import annotations

import asyncio

from journeystream.agents import health
from journeystream.agents.commit import Committer
from journeystream.cli import main


async def _stand_still(*_: object) -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    health.STUCK_SECONDS = 3.0
    Committer.commit = _stand_still  # type: ignore[method-assign, assignment]
    main()
