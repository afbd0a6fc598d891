"""The key that destinations know a send step by: `j_o_first_purchase__opened_email_dje83h`.

Law: a key is made once, when its step is first published, and kept: renaming the journey or
the step later does not change it. The suffix depends on the ids alone, so that equal names
in two journeys yield two keys.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from journeystream.definitions import JourneyDefinition
from journeystream.effects import stable_id
from journeystream.steps.send_to_destinations import SendToDestinations

_SUFFIX = 6
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def keys_of(
    journey: JourneyDefinition, published: Mapping[str, str], longest: int
) -> dict[str, str]:
    """Return step id -> key: the one set by hand, else the one published before, else a new one."""
    return {
        step.id: step.key
        or published.get(step.id)
        or make_key(journey.id, journey.name, step.id, step.title, longest)
        for step in journey.steps
        if isinstance(step, SendToDestinations)
    }


def make_key(journey: str, journey_name: str, step: str, step_name: str, longest: int) -> str:
    """Make a key from the names, with a stable suffix, at most `longest` characters."""
    number = int(stable_id(journey, step), 16)
    suffix = ""
    for _ in range(_SUFFIX):
        number, digit = divmod(number, len(_DIGITS))
        suffix += _DIGITS[digit]
    names = f"j_o_{_slug(journey_name)}__{_slug(step_name)}"
    return f"{names[: longest - _SUFFIX - 1]}_{suffix}"


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "unnamed"
