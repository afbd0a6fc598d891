"""Symmetry: every Entered has exactly one Exited, and every list add one remove.

Law: only this file makes effects. Entering a send step yields Entered and notes the debt in the
position (`hold`); leaving it takes the note out and yields Exited, to the destinations that
were told of the entry. A list sees the first arrival at a step and the last leave of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from journeystream.comparisons import MISSING, at_path
from journeystream.effects import Effect, StepMembership, instance_id
from journeystream.steps.contract import CompiledStep
from journeystream.user import Hold, Instance, Position, User


@dataclass(frozen=True, slots=True)
class Why:
    """Why a user leaves: a reason that programs know, and the name of what is behind it."""

    reason: str
    detail: str | None = None


class Memberships:
    """Enters and leaves send steps for one user; `effects` are what the world must be told."""

    def __init__(self, user: User) -> None:
        self.effects: list[Effect] = []
        self._user = user

    def enter(self, instance: Instance, position: Position, step: CompiledStep, now: int) -> None:
        """Tell the step's destinations that the user is here."""
        visit = instance.visits[step.id] = instance.visits.get(step.id, 0) + 1
        alone = {name: not _is_held(instance, step.id, name) for name in step.destinations}
        position.hold = Hold(step.id, visit, list(alone))
        for destination, first in alone.items():
            self._tell("entered", instance, step, (destination, visit, first), None, now)

    def leave(
        self,
        instance: Instance,
        position: Position,
        steps: Mapping[str, CompiledStep],
        why: Why,
        now: int,
    ) -> None:
        """Tell those who were told of the entry that the user has left; nothing if none were."""
        hold, position.hold = position.hold, None
        if hold is not None:
            for destination in hold.destinations:
                last = not _is_held(instance, hold.step, destination)
                told = (destination, hold.visit, last)
                self._tell("exited", instance, steps[hold.step], told, why, now)

    def _tell(
        self,
        change: Literal["entered", "exited"],
        instance: Instance,
        step: CompiledStep,
        told: tuple[str, int, bool],
        why: Why | None,
        now: int,
    ) -> None:
        destination, visit, first_or_last = told
        self.effects.append(
            StepMembership(
                change=change,
                user_id=self._user.id,
                anonymous=self._user.anonymous,
                at=now,
                destination=destination,
                journey=instance.journey,
                version=instance.version,
                instance=instance_id(instance.journey, self._user.id, instance.number),
                step=step.id,
                key=step.key,
                visit=visit,
                attributes=_attributes(
                    step.destinations.get(destination, {}), self._user, instance
                ),
                reason=why.reason if why else None,
                detail=why.detail if why else None,
                first_or_last=first_or_last,
            )
        )


def _is_held(instance: Instance, step: str, destination: str) -> bool:
    return any(
        each.hold and each.hold.step == step and destination in each.hold.destinations
        for each in instance.positions
    )


def _attributes(mapping: Mapping[str, str], user: User, instance: Instance) -> dict[str, object]:
    """Fill a destination's mapping; a source that is not there yields no attribute."""
    filled: dict[str, object] = {}
    for name, source in mapping.items():
        origin, _, path = source.partition(".")
        value = (
            at_path(user.traits, path.split("."))
            if origin == "traits"
            else instance.entry.get(path, MISSING)
        )
        if value is not MISSING:
            filled[name] = value
    return filled
