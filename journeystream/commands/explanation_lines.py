"""An explanation for people: lines, the further in the deeper.

Law: every clause is a line, `[x]` where it holds and `[ ]` where it does not, with the instant at
which time alone turns it. Nothing is found out here; it is all in the explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from journeystream.clauses import Clause
from journeystream.durations import iso
from journeystream.explanation import (
    Asked,
    Explanation,
    GoalState,
    InstanceState,
    JourneyExplanation,
    Standing,
)

_GROUPS = {"all": "all of", "any": "any of", "not": "not"}
_STILL = {
    "held": "nothing moves: the journey is held",
    "stopped": "nothing moves: the journey is stopped",
    "stuck": "nothing moves: the journey has failed on this user",
}
_GOALS = {
    "open": "not reached yet",
    "reached": "reached at {}",
    "met_at_entry": "met at entry, so that it never counts",
    "not_asked": "asked once the split is passed",
}


def lines_of(explanation: Explanation) -> Iterator[str]:
    """Yield an explanation line by line."""
    yield f"{explanation.user_id} at {iso(explanation.now)}"
    if explanation.became:
        yield f"this id turned out to be {explanation.became}, who has all that it had"
    elif not explanation.known:
        yield "nothing is known of this user: no event of theirs was applied, or they were erased"
    if not explanation.journeys:
        yield "no journey is published"
    for journey in explanation.journeys:
        yield ""
        yield from _journey(journey)


def clause_lines(clause: Clause) -> Iterator[str]:
    """Yield a clause, then its parts."""
    sign = "[x]" if clause.holds else "[ ]"
    turn = ""
    if clause.turns_at is not None:
        at = iso(clause.turns_at)
        turn = f"  (until {at})" if clause.holds else f"  (from {at} on)"
    yield f"{sign} {_GROUPS.get(clause.kind, clause.text)}{turn}"
    for part in clause.clauses:
        yield from _deeper(clause_lines(part))


def _journey(journey: JourneyExplanation) -> Iterator[str]:
    where = "the user is in it" if journey.inside else "the user is not in it"
    yield f"{journey.journey} ({journey.name}), version {journey.version}, {journey.state}: {where}"
    if journey.entered:
        left = ", ".join(f"{reason} ({times})" for reason, times in journey.exits.items())
        yield f"  entered so far: {journey.entered}" + (f"; left: {left}" if left else "")
    for instance in journey.instances:
        yield from _deeper(_instance(instance))
    if journey.inside and any(each.reason == "inside" for each in journey.obstacles):
        return
    for obstacle in journey.obstacles:
        yield f"  not entering: {obstacle.text}"
    yield from _deeper(_asked("{} asks", journey.entry))


def _instance(instance: InstanceState) -> Iterator[str]:
    key = f", key {instance.key!r}" if instance.key else ""
    entered = iso(instance.entered_at)
    yield f"pass {instance.number}{key}, version {instance.version}, entered {entered}"
    if instance.stands_still is not None:
        yield f"  {_STILL[instance.stands_still]}"
    for position in instance.positions:
        yield from _deeper(_standing(position))
    for goal in instance.goals:
        yield from _deeper(_goal(goal))
    if instance.ends_at is not None:
        yield f"  leaves at {iso(instance.ends_at)} at the latest (max_duration)"
    yield from _deeper(_asked("exit {} takes the user out when", instance.exits))
    yield from _deeper(_asked("stays only while {} holds", instance.stays_while))


def _standing(position: Standing) -> Iterator[str]:
    since = iso(position.since)
    if position.step is None:
        yield f"rests in {position.told.step if position.told else position.name}, since {since}"
    else:
        yield f"at {position.step} ({position.type}), since {since}"
    if position.told is not None:
        named = ", ".join(position.told.destinations) or "nobody"
        yield f"  in send step {position.told.step}: told {named}, who are owed the Exited"
    if position.taken:
        yield f"  gone down already: {', '.join(position.taken)}"
    yield from _deeper(_asked("waits for {}", position.waits_for))
    if position.timeout is not None:
        yield f"  at most {position.timeout}"
    if position.wakes_at is not None:
        yield f"  time alone may move it on at {iso(position.wakes_at)}"


def _goal(goal: GoalState) -> Iterator[str]:
    at = iso(goal.at) if goal.at is not None else ""
    yield f"goal {goal.name}: {_GOALS[goal.state].format(at)}"
    if goal.state == "open":
        yield from _deeper(clause_lines(goal.clause))


def _asked(what: str, asked: Iterable[Asked]) -> Iterator[str]:
    for each in asked:
        yield f"{what.format(each.name)}:"
        yield from _deeper(clause_lines(each.clause))


def _deeper(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
