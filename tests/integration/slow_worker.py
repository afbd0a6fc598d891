"""A worker whose turns take fifteen seconds to be committed, and say when they begin."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from journeystream.agents.commit import Committer
from journeystream.agents.commit_at_least_once import RepeatingCommitter
from journeystream.cli import main

COMMIT_SECONDS = 15.0
BEGINS = "a slow commit begins"


def _slow(committer: Any) -> None:  # noqa: ANN401  either of the two
    commit = committer.commit

    async def slowly(self: object, outputs: Any, *rest: Any) -> None:  # noqa: ANN401
        if outputs:
            sys.stderr.write(f"{BEGINS}\n")
            await asyncio.sleep(COMMIT_SECONDS)
        await commit(self, outputs, *rest)

    committer.commit = slowly


if __name__ == "__main__":
    _slow(Committer)
    _slow(RepeatingCommitter)
    main()
