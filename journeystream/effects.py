"""What the engine asks the world to do, as values.

The message id is a function of (journey, version, instance, step, visit, entered or exited)
alone: the same effect has the same id however often it is computed. Effects are values: nobody
changes one. (They are not `frozen`, because that triples what it costs to make one.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Literal


@dataclass(slots=True)
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
        return _message_id(
            self.journey, self.version, self.instance, self.step, self.visit, self.change
        )


@dataclass(slots=True)
class ProfileChange:
    """The user's profile was changed by a step; a trait that is None was removed.

    `audiences` tells which static audiences they joined (true) or left.
    """

    user_id: str
    anonymous: bool
    at: int
    journey: str
    version: int
    instance: str
    step: str
    visit: int
    traits: Mapping[str, object]
    audiences: Mapping[str, bool] = field(default_factory=dict)
    change: Literal["changed"] = "changed"

    @property
    def message_id(self) -> str:
        """The id that consumers may drop repeats by."""
        return _message_id(
            self.journey, self.version, self.instance, self.step, self.visit, self.change
        )


@dataclass(slots=True)
class DecisionRequest:
    """A decision service is asked for at most `most` offers; its answer names the message id."""

    user_id: str
    anonymous: bool
    at: int
    journey: str
    version: int
    instance: str
    step: str
    visit: int
    flow: str
    most: int
    attributes: Mapping[str, object] = field(default_factory=dict)
    change: Literal["asked"] = "asked"

    @property
    def message_id(self) -> str:
        """The id that the answer has to name."""
        return _message_id(
            self.journey, self.version, self.instance, self.step, self.visit, self.change
        )


Effect = StepMembership | ProfileChange | DecisionRequest


def memberships(effects: Iterable[Effect]) -> list[StepMembership]:
    """Return the Entered and Exited among effects, in order."""
    return [effect for effect in effects if isinstance(effect, StepMembership)]


# Effects of one step come one after the other, and share their ids.
@lru_cache(maxsize=64)
def _message_id(
    journey: str, version: int, instance: str, step: str, visit: int, change: str
) -> str:
    return stable_id(journey, str(version), instance, step, str(visit), change)


@lru_cache(maxsize=64)
def instance_id(journey: str, user_id: str, number: int) -> str:
    """Return the id of a user's pass through a journey."""
    return stable_id(journey, user_id, str(number))[:16]


def stable_id(*parts: str) -> str:
    """Return 32 hex digits that depend on the parts and on nothing else."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return digest.hexdigest()
