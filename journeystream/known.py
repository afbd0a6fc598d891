"""What a definition may refer to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from journeystream.condition_language import Condition
from journeystream.definitions import JourneyDefinition
from journeystream.project import Limits


@dataclass(frozen=True, slots=True)
class Known:
    """What a journey may refer to by name, and the limits.

    `destinations` is None where no project file is at hand: then any name will do. So will any
    journey where `journeys` is None. `computed` are the ids of computed traits. `services`: whether
    the project has the topics by which a decision service is asked.
    """

    destinations: Collection[str] | None
    audiences: Mapping[str, Condition]
    limits: Limits
    journeys: Mapping[str, JourneyDefinition] | None = None
    computed: Collection[str] = ()
    services: bool = True
