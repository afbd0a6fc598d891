"""The fuzz targets by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets.batches import TARGET as BATCHES
from tests.fuzz.targets.conditions import TARGET as CONDITIONS
from tests.fuzz.targets.control_topic import TARGET as CONTROL_TOPIC
from tests.fuzz.targets.definitions import TARGET as DEFINITIONS
from tests.fuzz.targets.durations import TARGET as DURATIONS
from tests.fuzz.targets.events import TARGET as EVENTS
from tests.fuzz.targets.project_file import TARGET as PROJECT_FILE
from tests.fuzz.targets.stored_state import TARGET as STORED_STATE

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        EVENTS,
        BATCHES,
        DEFINITIONS,
        CONDITIONS,
        PROJECT_FILE,
        CONTROL_TOPIC,
        STORED_STATE,
        DURATIONS,
    )
}
