"""What the engine asks the world to do, as values.

The message id is a function of (journey, version, instance, step, visit, entered or exited)
alone: the same effect has the same id however often it is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

import orjson


@dataclass(frozen=True, slots=True)
class StepMembership:
    """The user entered or exited a send step; one effect for each of its destinations.

    `reason` says why an exit happened (`moved_on`, `completed`, `exit_condition`,
    `max_duration`, `exit_step`, `archived`) and `detail` names the exit or step behind it.
    `first_or_last` is whether the user was on (or stays on) the step's list otherwise: a
    list sees only the first arrival and the last leave.
    """

    change: Literal["entered", "exited"]
    user_id: str
    anonymous: bool
    at: int
    destination: str
    journey: str
    version: int
    instance: str
    step: str
    key: str
    visit: int
    attributes: Mapping[str, object] = field(default_factory=dict)
    reason: str | None = None
    detail: str | None = None
    first_or_last: bool = True

    @property
    def message_id(self) -> str:
        """The id that consumers may drop repeats by."""
        return stable_id(
            self.journey, str(self.version), self.instance, self.step, str(self.visit), self.change
        )


Effect = StepMembership


def instance_id(journey: str, user_id: str, number: int) -> str:
    """Return the id of a user's pass through a journey."""
    return stable_id(journey, user_id, str(number))[:16]


def stable_id(*parts: str) -> str:
    """Return 32 hex digits that depend on the parts and on nothing else."""
    # As JSON no two lists of parts look the same.
    return blake2b(orjson.dumps(parts), digest_size=16).hexdigest()
