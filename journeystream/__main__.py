"""`python -m journeystream` is `journeystream`."""

from __future__ import annotations

from journeystream.cli import main

if __name__ == "__main__":
    main()
