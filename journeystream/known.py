"""What a definition may refer to, and what to say when it names something else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from journeystream.condition_language import Condition
from journeystream.definitions import JourneyDefinition
from journeystream.project import Limits


@dataclass(frozen=True, slots=True)
class Known:
    """What a journey may refer to: destinations, audiences and journeys by name, and the limits.

    `destinations` is None where no project file is at hand: then any name will do. So will any
    journey where `journeys` is None.
    """

    destinations: Collection[str] | None
    audiences: Mapping[str, Condition]
    limits: Limits
    journeys: Mapping[str, JourneyDefinition] | None = None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return what to write instead of an unknown name."""
    close = get_close_matches(name, list(known), 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(sorted(known)) or 'none'}"
