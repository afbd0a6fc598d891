"""A journey's own examples, run in virtual time through the same code that runs live.

An example gives events at times and lists every Entered and Exited that must follow. Nothing
waits: a month takes as long as a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest

from journeystream.compiler import Workshop, compile_journey
from journeystream.definitions import Example, ExampleEvent, ExpectedEffect, JourneyDefinition
from journeystream.durations import instant_of, parse_duration
from journeystream.effects import DecisionRequest, Effect, StepMembership, memberships
from journeystream.engine import Rules
from journeystream.errors import Problem
from journeystream.events import Answered, Enrolled, Event, Listed, Message
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.state.codec import PartitionState
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.turn import take_turn

START = instant_of(datetime(2024, 1, 1, tzinfo=UTC))
_LONGEST_KEY = 255


def rehearse(journey: JourneyDefinition, workshop: Workshop) -> list[Problem]:
    """Run every example of a valid journey; return what differs from what they expect."""
    keys = keys_of(journey, {}, _LONGEST_KEY)
    compiled = compile_journey(journey, 1, keys, workshop)
    workshop = replace(workshop, zone=compiled.zone)
    journeys = Journeys(
        versions={(journey.id, 1): compiled},
        heads={journey.id: compiled},
        admitting=frozenset((journey.id,)),
    )
    problems = []
    for index, example in enumerate(journey.examples):
        try:
            problems += _differences(f"examples[{index}]", example, Rules(journeys), workshop)
        except ValueError as error:
            problems.append(Problem(f"examples[{index}]", str(error), "mend the time"))
    return problems


def _differences(path: str, example: Example, rules: Rules, workshop: Workshop) -> list[Problem]:
    told = _played(example, rules, workshop)
    # A send step has one effect per destination, all with the same message id.
    got = [_shown(effect) for effect in {e.message_id: e for e in memberships(told)}.values()]
    wanted = [_wanted(expected, workshop) for expected in example.expect]
    for place, (have, want) in enumerate(zip_longest(got, wanted)):
        if have is None or want is None or have[:4] != want[:4] or want[4] not in (None, have[4]):
            return [
                Problem(
                    f"{path}.expect[{place}]",
                    f"{example.name!r}: expected {_words(want)}, got {_words(have)}",
                    "mend the journey or the example; all that happens: "
                    + ("; ".join(_words(each) for each in got) or "nothing"),
                )
            ]
    return []


_Line = tuple[int, str, str, str, str | None]


def _played(example: Example, rules: Rules, workshop: Workshop) -> list[Effect]:
    """Return all effects of an example, event by event: an answer needs its question."""
    store, clock, told = MemoryStore(), START, list[Effect]()
    written = sorted(example.events, key=lambda each: _instant(each.at, workshop))
    until = _instant(example.until, workshop) if example.until else None
    (journey,) = rules.journeys.heads
    for each in written:
        message = _message(each, workshop, journey, told)
        end = until if each is written[-1] else None
        turn = take_turn([message], clock, store, rules, until=end)
        if turn.failures:
            error = turn.failures[0].error.__cause__
            raise ValueError(f"{example.name!r} can not be applied: {error}")
        store.save(changes_of(turn), PartitionState(clock=turn.clock))
        clock = turn.clock
        told += turn.effects
    return told


def _message(
    written: ExampleEvent, workshop: Workshop, journey: str, told: Sequence[Effect]
) -> Message:
    at, user = _instant(written.at, workshop), written.user
    if written.enrolled:
        return Enrolled(user, at, journey, written.properties)
    if (list_ := written.joins or written.leaves) is not None:
        return Listed(user, at, list_, joins=written.joins is not None)
    if written.answers is not None:
        asked = [each for each in told if isinstance(each, DecisionRequest)]
        questions = [each.message_id for each in asked if each.user_id == user]
        return Answered(user, at, questions[-1] if questions else "nothing", written.answers)
    kinds = {"track": written.event, "page": written.page, "screen": written.screen}
    named = [(kind, name) for kind, name in kinds.items() if name is not None]
    kind, name = named[0] if named else ("identify", "")
    return Event(
        user_id=user,
        kind=kind,
        name=name,
        at=at,
        properties=written.properties if named else written.traits,
        context=written.context,
    )


def _shown(effect: StepMembership) -> _Line:
    return effect.at // 1000, effect.user_id, effect.change, effect.step, effect.reason


def _wanted(expected: ExpectedEffect, workshop: Workshop) -> _Line:
    change, step = ("entered", expected.enters) if expected.enters else ("exited", expected.exits)
    at = _instant(expected.at, workshop) // 1000
    return at, expected.user, change, step or "", expected.reason


def _words(line: _Line | None) -> str:
    if line is None:
        return "nothing"
    millis, user, change, step, reason = line
    seconds = millis / 1000 - START / 1_000_000
    hours, rest = divmod(round(seconds), 3600)
    why = f" ({reason})" if reason else ""
    return f"{user} {change} {step} at {hours} h {rest // 60:02d} min {rest % 60:02d} s{why}"


def _instant(at: str | None, workshop: Workshop) -> int:
    return START if at is None else parse_duration(at).after(START, workshop.zone)
