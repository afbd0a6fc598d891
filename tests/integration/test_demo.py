"""`journeystream demo`, as whoever tries the project first sees it."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

from journeystream.agents.decode import DecodeLimits, decode
from journeystream.durations import LAST_INSTANT
from journeystream.engine import Rules
from journeystream.project import load_project
from journeystream.sinks.routing import Routing
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from journeystream.user import NEVER
from tests.integration.oracle import compiled_journeys

DEMO = Path(str(resources.files("journeystream") / "demo"))
HOUR = 3_600 * 1_000_000
LIMITS = DecodeLimits(message_bytes=1 << 20, clock_skew=0, oldest_event=0, replay=True)


def test_the_demo_ends_with_the_figures_of_the_engine(tmp_path: Path) -> None:
    """Its last table equals what the engine makes of the file without any Kafka."""
    done = subprocess.run(
        [sys.executable, "-m", "journeystream", "demo", tmp_path / "demo"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = {}
    for line in done.stdout.split("Destinations")[-1].splitlines():
        cells = [cell.strip() for cell in re.split("[│┃]", line)]
        if len(cells) > 7 and cells[4].replace(",", "").isdigit():
            shown[cells[3]] = (cells[4], cells[5], cells[6])
    assert shown == _expected()


def _expected() -> dict[str, tuple[str, str, str]]:
    project = load_project(DEMO / "journeystream.yaml")
    rules = Rules(compiled_journeys(project, sorted((DEMO / "journeys").glob("*.yaml"))))
    with gzip.open(DEMO / "shop_events.jsonl.gz", "rb") as lines:
        events = [decode(line, LAST_INSTANT, LIMITS) for line in lines]
    turn = take_turn(events, NEVER, MemoryStore(), rules, until=events[-1].at + HOUR)
    entered: Counter[str] = Counter()
    exited: Counter[str] = Counter()
    members: dict[str, set[bytes]] = {each.topic: set() for each in project.destinations}
    lists = {each.topic for each in project.destinations if each.type == "list"}
    for effect in turn.effects:
        for record in Routing(project.destinations).records([effect]):
            (entered if effect.change == "entered" else exited)[record.topic] += 1
            inside = members[record.topic]
            (inside.add if effect.change == "entered" else inside.discard)(record.key or b"")
    return {
        topic: (
            f"{entered[topic]:,}",
            f"{exited[topic]:,}",
            f"{len(members[topic]):,}" if topic in lists else "",
        )
        for topic in members
    }
