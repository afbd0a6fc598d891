"""A worker whose consumer leaves its group when nobody has looked for records for four seconds."""

from __future__ import annotations

from journeystream import app
from journeystream.cli import main

POLL_SECONDS = 4.0

if __name__ == "__main__":
    app._POLL_SECONDS = POLL_SECONDS
    main()
