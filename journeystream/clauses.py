"""A condition opened up: each of its clauses, whether it holds, and when time alone turns it.

Laws:

1. The clauses are a tree like the condition as it is written; one about an audience opens into
   the audience's own condition.
2. Each clause is compiled as the whole is, in the same surroundings. So it reads the same facts,
   and what it says is what the engine goes by.
3. At `turns_at` the truth is another one, and at every instant before it as it is now, unless
   something happens. None: time alone never turns it, or not within a hundred of its turns.
"""

from __future__ import annotations

from typing import Literal

from journeystream.answers import Answer, Instant
from journeystream.condition_language import (
    AllOf,
    AnyOf,
    AudienceLeaf,
    Condition,
    EventLeaf,
    InactionLeaf,
    JourneyLeaf,
    ListLeaf,
    Not,
    SequenceLeaf,
    TraitLeaf,
    text_of,
)
from journeystream.conditions import CompiledCondition, Moment, flip
from journeystream.steps.contract import Surroundings

Kind = Literal[
    "all", "any", "not", "audience", "event", "inaction", "sequence", "trait", "list", "journey"
]


class Clause(Answer):
    """A condition, or a part of one, as it is for one user at one instant."""

    kind: Kind
    """What it is: a group, or what its leaf is about."""
    text: str
    """It as one string, as definitions may write it."""
    holds: bool
    """Whether it is true now."""
    turns_at: Instant | None
    """When time alone would make it the opposite; null: never."""
    clauses: tuple[Clause, ...] = ()
    """Its parts: of a group in the order of the definition, of an audience its condition."""


def clause_of(condition: Condition, around: Surroundings, moment: Moment) -> Clause:
    """Open a condition up, in what it is compiled in, at a moment."""
    compiled = around.condition(condition)
    return Clause(
        kind=kind_of(condition),
        text=text_of(condition),
        holds=compiled.holds(moment),
        turns_at=turn_of(compiled, moment),
        clauses=tuple(clause_of(part, around, moment) for part in parts_of(condition, around)),
    )


def turn_of(condition: CompiledCondition, moment: Moment) -> int | None:
    """Return when time alone turns the truth; None: never, or not that one could tell."""
    turn = flip(condition, moment)
    if turn is None:
        return None
    now, truth = moment.now, condition.holds(moment)
    moment.now = turn
    turned = condition.holds(moment) != truth
    moment.now = now
    return turn if turned else None


def parts_of(condition: Condition, around: Surroundings) -> tuple[Condition, ...]:
    """Return what a condition is made of; nothing where it is a leaf."""
    match condition:
        case AllOf():
            return tuple(condition.all)
        case AnyOf():
            return tuple(condition.any)
        case Not():
            return (condition.not_,)
        case AudienceLeaf():
            return (around.audiences[condition.audience],)
    return ()


def kind_of(condition: Condition) -> Kind:
    """Return what a condition is."""
    return _KINDS[type(condition)]


_KINDS: dict[type, Kind] = {
    AllOf: "all",
    AnyOf: "any",
    Not: "not",
    AudienceLeaf: "audience",
    EventLeaf: "event",
    InactionLeaf: "inaction",
    SequenceLeaf: "sequence",
    TraitLeaf: "trait",
    ListLeaf: "list",
    JourneyLeaf: "journey",
}
