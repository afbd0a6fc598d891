"""Travelling: what measurement is told of a user's way; nothing else depends on it.

Law: one `Travelled` for each stage that an instance comes to: `start`, every step that it
reaches, and one of `complete`, `exit`, `orphan` at its end; one `Reached` for each goal, and one
`Assigned` for each percent split that has goals.
"""

from __future__ import annotations

from journeystream.compiler import CompiledGoal, CompiledJourney
from journeystream.conditions import Moment
from journeystream.effects import Assigned, Reached, Travel, Travelled, instance_id
from journeystream.steps.contract import CompiledStep
from journeystream.user import Instance, User

_START = "start"
# How an instance ends by its reason to leave; by any other one it is `exit`. An orphan is someone
# from under whom the journey was taken, or who was taken from it.
_ENDS = {
    "completed": "complete",
    "archived": "orphan",
    "moved": "orphan",
    "new_version": "orphan",
    "erased": "orphan",
    "merged": "orphan",
    "removed": "orphan",
}


def exit_label(reason: str, detail: str | None) -> str:
    """Return what an exit is counted under."""
    return f"{reason}: {detail}" if detail else reason


class Travels:
    """Tells of one user's ways while a happening is applied; `told` is what there is to tell."""

    def __init__(self, user: User) -> None:
        self.told: list[Travel] = []
        self._user = user

    def started(self, instance: Instance, journey: CompiledJourney, now: int) -> None:
        """Tell that an instance begins."""
        self._stage(instance, journey, now, (_START,) * 3)

    def arrived(
        self,
        instance: Instance,
        journey: CompiledJourney,
        step: CompiledStep,
        parent: CompiledStep | None,
        way: str,
        now: int,
    ) -> None:
        """Tell that a position has come to a step, from `parent` (None: it is the first)."""
        at = self._stage(instance, journey, now, (step.id, step.name, step.type))
        at.parent_id = parent.id if parent else _START
        at.parent_name = parent.name if parent else _START
        if parent is not None and way:
            tested = parent.type == "percent_split"
            at.test_group_name = way if tested else ""
            at.split_condition_name = "" if tested else way
            at.is_control = way == parent.control
            at.is_remaining = way == parent.remaining

    def left(
        self,
        instance: Instance,
        journey: CompiledJourney,
        reason: str,
        moment: Moment,
        detail: str | None = None,
    ) -> None:
        """Tell that an instance ends, and which exit conditions hold if it is by one."""
        stage = _ENDS.get(reason, "exit")
        at = self._stage(instance, journey, moment.now, (stage,) * 3)
        at.reason = exit_label(reason, detail)
        if reason == "exit_condition":
            # The exits of a journey are told apart by name.
            held = [name for name, condition in journey.exits if condition.holds(moment)]
            at.exit_segments = at.mxs_ids = "|".join(held)

    def reached(
        self, instance: Instance, journey: CompiledJourney, goal: CompiledGoal, now: int
    ) -> None:
        """Tell that a goal is reached."""
        self.told.append(
            Reached(
                self._user.id,
                now,
                journey.id,
                instance.version,
                self._id(instance),
                goal.id,
                instance.entered_at,
                goal.split,
                path := instance.paths.get(goal.split, ""),
                is_control=bool(path) and path == journey.steps[goal.split].control,
            )
        )

    def assigned(
        self, instance: Instance, journey: CompiledJourney, split: str, path: str, now: int
    ) -> None:
        """Tell which path a percent split has given."""
        self.told.append(
            Assigned(
                self._user.id,
                now,
                journey.id,
                instance.version,
                self._id(instance),
                instance.entered_at,
                split,
                path,
                is_control=path == journey.steps[split].control,
            )
        )

    def _stage(
        self,
        instance: Instance,
        journey: CompiledJourney,
        now: int,
        stage: tuple[str, str, str],
    ) -> Travelled:
        """Tell of a stage (id, name, type), and return it for what there is to add."""
        at = Travelled(
            self._user.id,
            now,
            journey.id,
            journey.name,
            instance.version,
            self._id(instance),
            *stage,
            entered_at=instance.entered_at,
        )
        self.told.append(at)
        return at

    def _id(self, instance: Instance) -> str:
        number, entered_at = instance.number, instance.entered_at
        return instance_id(instance.journey, self._user.id, number, entered_at)
