"""The leaves about lists and journeys: whether the user is in one, or how they left it.

Law: they read what the user's record says now: `lists`, `passes` and `instances`. That is no
history of events, so it does not matter when the journey that asks was published. A user is at
a send step until it is left, also while they are in a wait behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from journeystream.condition_language import JourneyLeaf, ListLeaf
from journeystream.durations import parse_duration
from journeystream.moments import CompiledCondition, Moment, never_turns
from journeystream.user import NEVER, Instance, User


def compile_list_leaf(leaf: ListLeaf) -> CompiledCondition:
    """Return the leaf's condition."""
    id_ = leaf.list
    return CompiledCondition(
        holds=lambda moment: id_ in moment.user.lists,
        turns=never_turns,
        lists=frozenset((id_,)),
    )


def compile_journey_leaf(leaf: JourneyLeaf, zone: tzinfo) -> CompiledCondition:
    """Return the leaf's condition."""
    if leaf.is_ == "reached_goal" or leaf.within is not None:
        return _lately(leaf, zone)
    holds = _TESTS[leaf.is_]
    return CompiledCondition(
        holds=lambda moment: holds(moment.user, leaf),
        turns=never_turns,
        journeys=frozenset((leaf.journey,)),
    )


def _lately(leaf: JourneyLeaf, zone: tzinfo) -> CompiledCondition:
    """Return the condition of something that happened last at an instant that is known."""
    window = parse_duration(leaf.within) if leaf.within else None

    def last(user: User) -> int:
        if leaf.is_ == "has_exited":
            passes = user.passes.get(leaf.journey)
            return passes.left_at if passes is not None else NEVER
        return _reached(user, leaf.journey, leaf.goal)

    def holds(moment: Moment) -> bool:
        at = last(moment.user)
        return at != NEVER and (window is None or moment.now < window.after(at, zone))

    def turns(moment: Moment) -> int | None:
        at = last(moment.user)
        if at == NEVER or window is None:
            return None
        end = window.after(at, zone)
        return end if end > moment.now else None

    return CompiledCondition(
        holds,
        turns if window is not None else never_turns,
        journeys=frozenset((leaf.journey,)),
    )


def _instances(user: User, journey: str) -> list[Instance]:
    return [instance for instance in user.instances if instance.journey == journey]


def _is_in(user: User, leaf: JourneyLeaf) -> bool:
    return bool(_instances(user, leaf.journey))


def _is_at_step(user: User, leaf: JourneyLeaf) -> bool:
    return any(
        position.step == leaf.step
        or (position.hold is not None and position.hold.step == leaf.step)
        for instance in _instances(user, leaf.journey)
        for position in instance.positions
    )


def _has_exited(user: User, leaf: JourneyLeaf) -> bool:
    """Tell whether the user ever left, for a reason with or without its detail."""
    reason = "completed" if leaf.is_ == "has_completed" else leaf.reason
    passes = user.passes.get(leaf.journey)
    return passes is not None and any(
        reason is None or label == reason or label.startswith(f"{reason}: ")
        for label in passes.exits
    )


_TESTS: dict[str, Callable[[User, JourneyLeaf], bool]] = {
    "in": _is_in,
    "at_step": _is_at_step,
    "has_completed": _has_exited,
    "has_exited": _has_exited,
}


def _reached(user: User, journey: str, goal: str | None) -> int:
    """Return when a goal (any, if None) was last reached."""
    reached = [instance.goals for instance in _instances(user, journey)]
    passes = user.passes.get(journey)
    if passes is not None:
        reached.append(passes.goals)
    return max(
        (at for goals in reached for name, at in goals.items() if goal in (None, name)),
        default=NEVER,
    )
