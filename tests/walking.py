"""Walks: a journey and what happens to its users in, readable lines out.

::

    walk(JOURNEY, "00:00:00 u1 Start", "1d 02:00:00 u1 Go {size: 3} #m1", until="2d 00:00:00")
    == ["1d 02:00:00 u1 entered big"]

Times count from the start of the walk. After time and user stands a track call's name, or
`page Name`, `screen Name`, `identify`; then properties (traits) in YAML and a messageId, where
there are any. The happenings stand in the order of the log, which need not be that of time.

A journey is written without what a test does not care for: id, name, and an entry that lets
everyone in at `Start`. Every walk checks in passing that the journey is valid, that no effect
comes twice, and that it does not matter how the log is cut into turns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from ruamel.yaml import YAML

from journeystream.compiler import Workshop, compile_journey
from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.durations import parse_instant
from journeystream.effects import Effect, StepMembership, memberships
from journeystream.engine import Rules
from journeystream.events import Event
from journeystream.journeys import Journeys
from journeystream.keys import keys_of
from journeystream.project import Limits
from journeystream.state.memory import MemoryStore
from journeystream.state.store import changes_of
from journeystream.turn import Turn, take_turn
from journeystream.validation import Known, validate_journey

START = "2024-01-01T00:00:00Z"
_TIME = r"(?:(\d+)d )?(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?"
_HAPPENING = re.compile(
    rf"(?P<at>{_TIME}) (?P<user>\S+) ((?P<kind>page|screen|identify)\b ?)?(?P<name>[^{{#]*?)"
    r"( ?(?P<properties>\{.*\}))?( #(?P<id>\S+))?"
)


def walk(journey: str, *happenings: str, until: str | None = None, start: str = START) -> list[str]:
    """Return every Entered and Exited, each once however many destinations it has."""
    told = {
        effect.message_id: effect
        for effect in effects(journey, *happenings, until=until, start=start)
    }
    return [_line(effect, parse_instant(start)) for effect in told.values()]


def effects(
    journey: str,
    *happenings: str,
    until: str | None = None,
    start: str = START,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
) -> list[StepMembership]:
    """Return every Entered and Exited; `attributes` are the destinations' own mappings."""
    return memberships(
        everything(journey, *happenings, until=until, start=start, attributes=attributes)
    )


def everything(
    journey: str,
    *happenings: str,
    until: str | None = None,
    start: str = START,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Effect]:
    """Return all effects, those of other steps too."""
    zero = parse_instant(start)
    rules = _rules(journey, attributes or {})
    events = [_event(happening, zero) for happening in happenings]
    end = _instant(until, zero) if until else max(event.at for event in events)
    whole = take_turn(events, zero, MemoryStore(), rules, until=end)
    assert not whole.failures
    assert whole.effects == _in_pieces(events, zero, rules, end)
    told = memberships(whole.effects)
    assert len({(each.message_id, each.destination) for each in told}) == len(told)
    return whole.effects


def _in_pieces(events: list[Event], clock: int, rules: Rules, end: int) -> list[Effect]:
    """Walk the same way event by event, with state stored between them: it must not matter."""
    store, told = MemoryStore(), []

    def save(turn: Turn) -> int:
        store.save(changes_of(turn), store.partition())
        told.extend(turn.effects)
        return turn.clock

    for event in events:
        clock = save(take_turn([event], clock, store, rules))
    save(take_turn([], clock, store, rules, until=end))
    return told


def _rules(journey: str, attributes: Mapping[str, Mapping[str, str]]) -> Rules:
    written: dict[str, Any] = {
        "id": "journey",
        "name": "Journey",
        "entry": {"condition": {"event": "Start"}},
        **YAML(typ="safe").load(journey),
    }
    definition = parse_definition(written, "a test's journey")
    assert isinstance(definition, JourneyDefinition)
    assert validate_journey(definition, Known(None, {}, Limits())) == []
    workshop = Workshop(UTC, {}, lambda name: attributes.get(name, {}))
    compiled = compile_journey(definition, 1, keys_of(definition, {}, 255), workshop)
    versions = {(compiled.id, 1): compiled}
    return Rules(Journeys(versions, {compiled.id: compiled}, frozenset((compiled.id,))))


def _event(happening: str, zero: int) -> Event:
    found = _HAPPENING.fullmatch(happening)
    assert found, f"{happening!r} is no happening: write '00:00:00 u1 Name'"
    return Event(
        user_id=found["user"],
        kind=found["kind"] or "track",
        name=found["name"],
        at=_instant(found["at"], zero),
        properties=YAML(typ="safe").load(found["properties"] or "{}"),
        message_id=found["id"],
    )


def _instant(at: str, zero: int) -> int:
    found = re.fullmatch(_TIME, at)
    assert found, f"{at!r} is no time: write '00:00:00' or '1d 00:00:00'"
    days, hours, minutes, seconds, millis = (int(part or 0) for part in found.groups())
    return zero + ((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + millis) * 1000


def _line(effect: StepMembership, zero: int) -> str:
    seconds, millis = divmod((effect.at - zero) // 1000, 1000)
    days, rest = divmod(seconds, 86_400)
    at = f"{days}d " if days else ""
    at += f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    at += f".{millis:03d}" if millis else ""
    why = ": ".join(part for part in (effect.reason, effect.detail) if part)
    return f"{at} {effect.user_id} {effect.change} {effect.step}" + (f" ({why})" if why else "")
