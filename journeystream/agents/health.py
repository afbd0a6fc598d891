"""What a worker says of itself when it is asked: alive, and ready.

Laws: *alive* is false only where a restart would help: the worker has failed, or something in
it stands still. *Ready* is true only when the worker does its work: it takes part in the group,
every partition it has is recovered, and Kafka answers. A spare worker, with no partition of its
own, is ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

STUCK_SECONDS = 60.0  # no turn and no fetch takes so long while anything moves
SILENT_SECONDS = 15.0  # Kafka is asked every second

Standing = Literal["restoring", "running"]


@dataclass(frozen=True, slots=True)
class Signs:
    """What can be seen of a worker at one moment; times in seconds before it, None for never.

    `turn_seconds` is how long the longest turn has been going on. `failure` is the error that
    ends the worker, if one did.
    """

    failure: str | None
    assigned: bool
    partitions: Mapping[int, Standing]
    standbys: tuple[int, ...]
    turn_seconds: float
    fetched: float | None
    answered: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict; `reasons` say what is not well, in words for people."""

    alive: bool
    ready: bool
    reasons: tuple[str, ...]
    partitions: Mapping[int, Standing]
    standbys: tuple[int, ...]


def judge(signs: Signs) -> Health:
    """Return what the signs mean."""
    dying = []
    if signs.failure is not None:
        dying.append(f"the worker ends: {signs.failure}")
    if signs.turn_seconds > STUCK_SECONDS:
        dying.append(f"a turn has taken {signs.turn_seconds:.0f} s")
    if signs.fetched is not None and signs.fetched > STUCK_SECONDS:
        dying.append(f"nothing was asked of the sources for {signs.fetched:.0f} s")
    waiting = []
    if not signs.assigned:
        waiting.append("the group has not assigned partitions yet")
    waiting += [
        f"partition {number} is being restored"
        for number, standing in sorted(signs.partitions.items())
        if standing == "restoring"
    ]
    if signs.answered is None or signs.answered > SILENT_SECONDS:
        waiting.append("Kafka does not answer")
    return Health(
        alive=not dying,
        ready=not dying and not waiting,
        reasons=(*dying, *waiting),
        partitions=signs.partitions,
        standbys=signs.standbys,
    )
