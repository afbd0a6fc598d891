"""The shop's half year as a load in parts, and how far the workers have come with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from tests.integration.world import World

DEMO = Path(str(resources.files("journeystream") / "demo"))
JOURNEYS = sorted((DEMO / "journeys").glob("*.yaml"))
END = "2024-07-15T00:00:00Z"
CHUNKS = 6


def chunks() -> Iterator[list[dict[str, Any]]]:
    """Cut the shop's events into a few parts."""
    with gzip.open(DEMO / "shop_events.jsonl.gz", "rt", encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    size = -(-len(events) // CHUNKS)
    for start in range(0, len(events), size):
        yield events[start : start + size]


def has_begun(world: World, most: int) -> bool:
    """Tell whether fewer than `most` offsets are left."""
    return lag_of(world) < most


def lag_of(world: World) -> int:
    """Return how many offsets the workers have yet to commit."""
    return sum(world.lag().values())
