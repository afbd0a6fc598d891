"""A published definition becomes tables and closures: all that can be done before the events.

What is compiled knows every predicate, trait and entry property that it reads, so that the
engine asks a journey only when something it reads has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from journeystream.condition_language import Condition
from journeystream.conditions import (
    CompiledCondition,
    Moment,
    Predicate,
    compile_condition,
    merge_predicates,
)
from journeystream.definitions import JourneyDefinition
from journeystream.durations import Duration, parse_duration
from journeystream.steps.contract import CompiledStep, Surroundings
from journeystream.steps.merge import without_closing_merges
from journeystream.user import User

AttributesOf = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CompiledJourney:
    """One version of a journey, ready to be walked.

    `reads` and `reads_traits` are what instances in flight depend on (exits and steps);
    the entry condition has its own. `entry_paths` are the entry event's properties that
    steps ask for. `takes_strangers`: the entry condition holds for a user of
    whom nothing is known, so that becoming known can be a reason to enter.
    """

    id: str
    name: str
    version: int
    entry: CompiledCondition
    reenters: bool
    takes_strangers: bool
    exits: tuple[tuple[str, CompiledCondition], ...]
    max_duration: Duration | None
    zone: tzinfo
    exits_at_end: bool
    first_step: str
    steps: Mapping[str, CompiledStep]
    reads: frozenset[str]
    reads_traits: frozenset[str]
    entry_paths: tuple[str, ...]
    predicates: Mapping[str, Predicate]


@dataclass(frozen=True, slots=True)
class Workshop:
    """What journeys are compiled with: time zone, audiences, destinations' own attributes.

    `zone_trait` is the trait that names a user's own time zone.
    """

    zone: tzinfo
    audiences: Mapping[str, Condition]
    attributes_of: AttributesOf
    zone_trait: str | None = None


def compile_journey(
    definition: JourneyDefinition, version: int, keys: Mapping[str, str], workshop: Workshop
) -> CompiledJourney:
    """Compile a validated definition; `keys` maps send steps to their keys."""
    zone = ZoneInfo(definition.time_zone) if definition.time_zone else workshop.zone
    entry = compile_condition(definition.entry.condition, zone, workshop.audiences)
    exits = tuple(
        (rule.name, compile_condition(rule.condition, zone, workshop.audiences))
        for rule in definition.exits
    )
    steps = {
        step.id: step.compile(
            Surroundings(
                zone,
                workshop.audiences,
                keys.get(step.id, ""),
                workshop.attributes_of,
                definition.id,
                definition.time_zone_trait or workshop.zone_trait,
                definition.sending,
            )
        )
        for step in without_closing_merges(definition.steps)
    }
    in_flight = [condition for _, condition in exits]
    in_flight += [condition for step in steps.values() for condition in step.conditions]
    return CompiledJourney(
        id=definition.id,
        name=definition.name,
        version=version,
        entry=entry,
        reenters=definition.entry.reentry == "after_exit",
        takes_strangers=entry.holds(Moment(User(""), now=0)),
        exits=exits,
        max_duration=parse_duration(definition.max_duration) if definition.max_duration else None,
        zone=zone,
        exits_at_end=definition.at_end == "exit",
        first_step=definition.first_step,
        steps=steps,
        reads=frozenset().union(*(condition.predicates for condition in in_flight)),
        reads_traits=frozenset().union(
            *(condition.traits for condition in in_flight),
            *(step.traits for step in steps.values()),
        ),
        entry_paths=tuple(
            sorted(frozenset().union(*(step.entry_paths for step in steps.values())))
        ),
        predicates=merge_predicates([entry, *in_flight]),
    )
