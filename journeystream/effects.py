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

from journeystream.events import Message

EXIT_REASONS = (
    "moved_on",
    "completed",
    "exit_condition",
    "goal",
    "max_duration",
    "left_audience",
    "exit_step",
    "restarted",
    "archived",
    "moved",
    "new_version",
    "erased",
    "merged",
    "removed",
)


class _OfStep:
    """What a step tells: its id follows from where that was, and from what is told."""

    __slots__ = ()
    journey: str
    version: int
    instance: str
    step: str
    visit: int
    change: str

    @property
    def message_id(self) -> str:
        """The id that consumers may drop repeats by, and that an answer has to name."""
        return _message_id(
            self.journey, self.version, self.instance, self.step, self.visit, self.change
        )


@dataclass(slots=True)
class StepMembership(_OfStep):
    """The user entered or exited a send step; one effect for each of its destinations.

    `reason` says why an exit happened: one of EXIT_REASONS. `detail` names the exit, the goal
    or the step behind it. `first_or_last` is whether the user was on (or stays on) the step's
    list otherwise: a list sees only the first arrival and the last leave.
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


@dataclass(slots=True)
class ProfileChange(_OfStep):
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


@dataclass(slots=True)
class DecisionRequest(_OfStep):
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


@dataclass(slots=True)
class HandedOver:
    """A message goes to another user of ours, by way of the re-keying topic."""

    message: Message
    change: Literal["handed_over"] = "handed_over"


Effect = StepMembership | ProfileChange | DecisionRequest | HandedOver


def memberships(effects: Iterable[Effect]) -> list[StepMembership]:
    """Return the Entered and Exited among effects, in order."""
    return [effect for effect in effects if isinstance(effect, StepMembership)]


@dataclass(slots=True)
class Travelled:
    """A user came to a stage of a journey: a row of the travel log, by the names that it has there.

    `entry_at` is `at`, and `event_id` the user's id. `stage_id` is a step's id, or one of
    `start`, `complete`, `exit` and `orphan` (the journey was taken from under the user). The
    parent is the step before, `start` for the first one. `reason` is why an instance ends, with the
    name of what is behind it, as exits are counted (`Passes.exits`); it is no field of the log.
    `entered_at` is when the instance began; None only in what is read from a log that does not
    say so.
    """

    user_id: str
    at: int
    journey_id: str
    journey_name: str
    journey_version: int
    instance: str
    stage_id: str
    stage_name: str
    stage_type: str
    parent_id: str = ""
    parent_name: str = ""
    split_condition_name: str = ""
    test_group_name: str = ""
    is_control: bool = False
    is_remaining: bool = False
    exit_segments: str = ""
    mxs_ids: str = ""
    reason: str = ""
    entered_at: int | None = None


@dataclass(slots=True)
class Reached:
    """A user reached a goal of a journey, `at - entered_at` microseconds after they entered.

    For a percent split's goal, `split` and `path` say which path of which split they were given,
    `is_control` whether the others are measured against it.
    """

    user_id: str
    at: int
    journey: str
    version: int
    instance: str
    goal: str
    entered_at: int
    split: str = ""
    path: str = ""
    is_control: bool = False


@dataclass(slots=True)
class Assigned:
    """A percent split with goals gave a user a path, which counts for the instance from now on.

    A path may lead to no step, so that no `Travelled` tells of it: a control group often has none.
    """

    user_id: str
    at: int
    journey: str
    version: int
    instance: str
    entered_at: int
    split: str
    path: str
    is_control: bool


Travel = Travelled | Reached | Assigned


# Effects of one step come one after the other, and share their ids.
@lru_cache(maxsize=64)
def _message_id(
    journey: str, version: int, instance: str, step: str, visit: int, change: str
) -> str:
    return stable_id(journey, str(version), instance, step, str(visit), change)


@lru_cache(maxsize=64)
def instance_id(journey: str, user_id: str, number: int, entered_at: int) -> str:
    """Return the id of a user's pass through a journey.

    Numbers begin anew with a user who was erased and comes again; the time tells them apart.
    """
    return stable_id(journey, user_id, str(number), str(entered_at))[:16]


def stable_id(*parts: str) -> str:
    """Return 32 hex digits that depend on the parts and on nothing else."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return digest.hexdigest()
