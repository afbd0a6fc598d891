"""Symmetry: every Entered has exactly one Exited, and every list add one remove.

Law: only this file makes effects. Entering a send step yields Entered and notes the debt in the
position (`hold`); leaving it takes the note out and yields Exited, to the destinations that
were told of the entry. A list sees the first arrival at a step and the last leave of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
        others = self._holding(instance, step.id)
        position.hold = Hold(step.id, visit, list(step.destinations))
        self._tell("entered", instance, step, position.hold, others, None, now)

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
            others = self._holding(instance, hold.step)
            self._tell("exited", instance, steps[hold.step], hold, others, why, now)

    def _holding(self, instance: Instance, step: str) -> Collection[str]:
        """Return the destinations that positions hold at a step, in all instances of a journey."""
        held: list[str] = []
        for each in self._user.instances:
            # An instance that begins is not among them yet, and one that ends still is.
            if each.journey == instance.journey:
                for position in each.positions:
                    if position.hold is not None and position.hold.step == step:
                        held += position.hold.destinations
        return held

    def _tell(
        self,
        change: Literal["entered", "exited"],
        instance: Instance,
        step: CompiledStep,
        hold: Hold,
        others: Collection[str],
        why: Why | None,
        now: int,
    ) -> None:
        user = self._user
        instance_ = instance_id(instance.journey, user.id, instance.number)
        for destination in hold.destinations:
            mapping = step.destinations.get(destination)
            self.effects.append(
                StepMembership(
                    change,
                    user.id,
                    user.anonymous,
                    now,
                    destination,
                    instance.journey,
                    instance.version,
                    instance_,
                    step.id,
                    step.key,
                    hold.visit,
                    _attributes(mapping, user, instance) if mapping else {},
                    why.reason if why else None,
                    why.detail if why else None,
                    destination not in others,
                )
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
