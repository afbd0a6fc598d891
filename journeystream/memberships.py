"""Symmetry: every Entered has exactly one Exited, and every list add one remove.

Law: only this file makes effects. Entering a send step yields Entered and notes the debt in the
position (`hold`); leaving it takes the note out and yields Exited, to the destinations that
were told of the entry. A list sees the first arrival at a step and the last leave of it.
Other steps' effects (a profile changes, a decision is asked for) are made here and owe nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from journeystream.comparisons import MISSING
from journeystream.effects import (
    DecisionRequest,
    Effect,
    HandedOver,
    ProfileChange,
    StepMembership,
    instance_id,
)
from journeystream.events import Message
from journeystream.sources import look_up
from journeystream.steps.contract import Ask, CompiledStep
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
        visit = _next_visit(instance, step)
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

    def changed(
        self,
        instance: Instance,
        step: CompiledStep,
        traits: Mapping[str, object],
        audiences: Mapping[str, bool],
        now: int,
    ) -> None:
        """Tell that a step has changed the profile, if it has."""
        if traits or audiences:
            visit = _next_visit(instance, step)
            where = self._where(instance, step, visit, now)
            self.effects.append(ProfileChange(*where, traits, audiences))

    def ask(self, instance: Instance, step: CompiledStep, question: Ask, now: int) -> str:
        """Ask a decision service; return the request's id."""
        where = self._where(instance, step, _next_visit(instance, step), now)
        request = DecisionRequest(*where, question.flow, question.most, question.attributes)
        self.effects.append(request)
        return request.message_id

    def hand_over(self, message: Message) -> None:
        """Let a message go to another user."""
        self.effects.append(HandedOver(message))

    def _where(
        self, instance: Instance, step: CompiledStep, visit: int, now: int
    ) -> tuple[str, bool, int, str, int, str, str, int]:
        """Return what effects of steps that hold nobody begin with."""
        user = self._user
        journey, version = instance.journey, instance.version
        return user.id, user.anonymous, now, journey, version, self._id(instance), step.id, visit

    def _id(self, instance: Instance) -> str:
        number, entered_at = instance.number, instance.entered_at
        return instance_id(instance.journey, self._user.id, number, entered_at)

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
        instance_ = self._id(instance)
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


def _next_visit(instance: Instance, step: CompiledStep) -> int:
    visit = instance.visits[step.id] = instance.visits.get(step.id, 0) + 1
    return visit


def _attributes(mapping: Mapping[str, str], user: User, instance: Instance) -> dict[str, object]:
    """Fill a destination's mapping; a source that is not there yields no attribute."""
    filled: dict[str, object] = {}
    for name, source in mapping.items():
        value = look_up(source, user, instance)
        if value is not MISSING:
            filled[name] = value
    return filled
