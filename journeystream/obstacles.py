"""What keeps a user out of a journey, now.

Law: what lets users in is said in `entering.py`, `runs.py` and `recalling.py`; each reason here is
a question of theirs that is answered no. All reasons are told, those at the door before those in
the conditions; that a cause is missing only where there is no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from journeystream.compiler import CompiledJourney
from journeystream.durations import iso
from journeystream.entry_language import Entry
from journeystream.explanation import Asked, Obstacle, Reason
from journeystream.lifecycle import State
from journeystream.noticing import was_qualified
from journeystream.user import NEVER, User
from journeystream.walk import Walk

_CLOSED: dict[State, tuple[Reason, str]] = {
    State.PAUSED: ("paused", "the journey is paused; let users in again: journeystream resume {}"),
    State.STOPPED: ("stopped", "the journey is stopped, for good; see journeystream clone {}"),
    State.ARCHIVED: (
        "archived",
        "the journey is archived; bring it back: journeystream unarchive {}",
    ),
}
_FAILS: dict[str, tuple[Reason, str]] = {
    "entry.condition": ("condition", "the entry condition does not hold"),
    "entry": ("audience", "the user is not in the audience that enters"),
    "entry.include": ("include", "the user is in none of the included audiences"),
}
_EXCLUDED: tuple[Reason, str] = ("exclude", "the user is in an excluded audience")


@dataclass(frozen=True, slots=True)
class Door:
    """How users come into a journey: what is written and compiled, and `asked` of this user.

    `learned`: whether the user's partition has taken a turn since the version was published.
    """

    journey: CompiledJourney
    entry: Entry
    state: State
    asked: Sequence[Asked]
    learned: bool


def obstacles(walk: Walk, door: Door) -> list[Obstacle]:
    """Return why the user does not enter; nothing where the next cause will let them in."""
    found = [*_of_user(walk.user, door), *_of_life(door), *_of_passes(walk, door)]
    found += [*_of_version(walk, door), *_of_conditions(door)]
    if found or not is_known(walk.user):
        return found
    return list(_of_cause(walk, door))


def is_known(user: User) -> bool:
    """Tell whether anything was applied for this id, as the engine sees it."""
    return user.known_since != NEVER or bool(user.became)


def _of_user(user: User, door: Door) -> Iterator[Obstacle]:
    if not is_known(user):
        yield Obstacle(reason="unknown_user", text="nothing was applied for this id so far")
    if user.became:
        text = f"this id turned out to be {user.became!r}; explain that user"
        yield Obstacle(reason="became_another", text=text)
    error = user.stuck.get(door.journey.id)
    if error is not None:
        text = (
            f"the journey failed on this user, which is a fault of ours ({error}); once it is "
            f"mended: journeystream retry {door.journey.id}"
        )
        yield Obstacle(reason="stuck", text=text)


def _of_life(door: Door) -> Iterator[Obstacle]:
    if door.state in _CLOSED:
        reason, text = _CLOSED[door.state]
        yield Obstacle(reason=reason, text=text.format(door.journey.id))


def _of_passes(walk: Walk, door: Door) -> Iterator[Obstacle]:
    """Yield what the user's passes through the journey so far mean to another one."""
    journey, passes = door.journey, walk.user.passes.get(door.journey.id)
    inside = sum(each.journey == journey.id for each in walk.user.instances)
    if journey.concurrent is None and inside:
        yield Obstacle(reason="inside", text="the user is in it, and can be so once at a time")
    elif journey.concurrent is not None and inside >= journey.concurrent.most:
        text = f"the user is in it {inside} times, which is the most that can be"
        yield Obstacle(reason="full", text=text)
    if passes is None or not passes.entered:
        return
    if not journey.reenters and not inside:
        text = "the user was in it, and nobody enters it again (reentry: never)"
        yield Obstacle(reason="never_again", text=text)
    if passes.left_at != NEVER and journey.cool_down is not None:
        rested = journey.cool_down.after(passes.left_at, journey.zone)
        if walk.now < rested:
            text = f"the user has left it, and rests from it until {iso(rested)}"
            yield Obstacle(reason="cool_down", text=text, until=rested)


def _of_version(walk: Walk, door: Door) -> Iterator[Obstacle]:
    journey = door.journey
    if not door.learned:
        text = (
            f"the user's partition has applied nothing since version {journey.version} was "
            f"published: no worker runs, or nothing has happened there"
        )
        yield Obstacle(reason="not_learned", text=text)
    elif journey.own and walk.now < (opens := walk.floors.opens(journey)):
        text = f"the journey counts history, and lets users in from {iso(opens)} on"
        yield Obstacle(reason="reads_history", text=text, until=opens)
    runs, passes = journey.runs, walk.user.passes.get(journey.id)
    is_down = passes is not None and passes.run is not None
    if runs is not None and not is_down and runs.next_after(walk.now, journey.zone) is None:
        text = "users enter at the runs of its schedule, and the last one is over"
        yield Obstacle(reason="no_run", text=text)


def _of_conditions(door: Door) -> Iterator[Obstacle]:
    for asked in door.asked:
        if not asked.clause.holds:
            reason, text = _FAILS.get(asked.name, _EXCLUDED)
            yield Obstacle(reason=reason, text=text, until=asked.clause.turns_at)


def _of_cause(walk: Walk, door: Door) -> Iterator[Obstacle]:
    """Yield what is missing where the door is open and the conditions hold."""
    journey, trigger = door.journey, door.entry.trigger
    if door.entry.by_name:
        text = f"users enter by name only: journeystream enroll {journey.id} {walk.user.id}"
        yield Obstacle(reason="needs_enrolment", text=text)
        return
    if trigger is not None:
        text = f"users enter when they reach step {trigger.step!r} of journey {trigger.journey!r}"
        yield Obstacle(reason="needs_trigger", text=text)
        return
    passes = walk.user.passes.get(journey.id)
    if passes is not None and passes.version == journey.version and passes.run is not None:
        text = f"the user qualifies, and waits for the run at {iso(passes.run)}"
        yield Obstacle(reason="awaits_run", text=text, until=passes.run)
    elif was_qualified(walk, journey):
        text = (
            "all that is asked held already when the user was last looked at; it has to turn true "
            "anew, or an event that brings it about has to come"
        )
        yield Obstacle(reason="needs_cause", text=text)
    else:
        text = "all that is asked has turned true by time alone, and a worker is to apply it"
        yield Obstacle(reason="due", text=text)
