"""What is wrong with a condition where it stands: names that are not there, nothing to count from.

A condition stands in a step, elsewhere in a journey (an exit, a goal), or outside: there nobody
has entered yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal, Protocol

from journeystream.condition_language import (
    AllOf,
    AnyOf,
    AudienceLeaf,
    Condition,
    EventFilter,
    EventLeaf,
    InactionLeaf,
    Not,
    SequenceLeaf,
    TraitLeaf,
)
from journeystream.errors import Problem, did_you_mean

Place = Literal["step", "journey", "outside"]


class Names(Protocol):
    """What a condition may name."""

    @property
    def audiences(self) -> Mapping[str, Condition]:
        """The audiences, and what they mean."""

    @property
    def computed(self) -> Collection[str]:
        """The ids of computed traits."""


def condition_problems(
    path: str, condition: Condition, names: Names, place: Place
) -> Iterator[Problem]:
    """Yield every problem of a condition that stands at `path`."""
    for leaf_path, leaf in leaves_of(condition, path):
        yield from _name_problems(leaf_path, leaf, names)
        yield from _since_problems(leaf_path, leaf, place)
        if place == "outside":
            yield from _entry_problems(leaf_path, leaf)


def leaves_of(condition: Condition, path: str = "") -> Iterator[tuple[str, Condition]]:
    """Yield (path, leaf) for every leaf of a condition."""
    match condition:
        case AllOf():
            for index, part in enumerate(condition.all):
                yield from leaves_of(part, f"{path}.all[{index}]")
        case AnyOf():
            for index, part in enumerate(condition.any):
                yield from leaves_of(part, f"{path}.any[{index}]")
        case Not():
            yield from leaves_of(condition.not_, f"{path}.not")
        case _:
            yield path, condition


def audiences_in(condition: Condition) -> Iterator[str]:
    """Yield the id of every audience that a condition asks for."""
    for _, leaf in leaves_of(condition):
        if isinstance(leaf, AudienceLeaf):
            yield leaf.audience


def _name_problems(path: str, leaf: Condition, names: Names) -> Iterator[Problem]:
    match leaf:
        case AudienceLeaf() if leaf.audience in names.audiences:
            yield from _inside_audience(path, leaf.audience, names.audiences)
        case AudienceLeaf():
            yield Problem(
                f"{path}.audience",
                f"there is no audience {leaf.audience!r}",
                did_you_mean(leaf.audience, names.audiences) + ", or publish it first",
            )
        case TraitLeaf() if leaf.computed is not None and leaf.computed not in names.computed:
            yield Problem(
                f"{path}.trait",
                f"there is no computed trait {leaf.computed!r}",
                did_you_mean(leaf.computed, names.computed) + ", or publish it first",
            )


def _since_problems(path: str, leaf: Condition, place: Place) -> Iterator[Problem]:
    match leaf:
        case EventLeaf() | TraitLeaf() | SequenceLeaf():
            since = leaf.since
        case InactionLeaf():
            since, path = leaf.inaction.since, f"{path}.inaction"
        case _:
            return
    if since == "entry" and place == "outside":
        yield Problem(f"{path}.since", "nobody has entered yet", "write `within` instead")
    if since == "step" and place != "step":
        advice = "write `since: entry`" if place == "journey" else "write `within` instead"
        yield Problem(f"{path}.since", "there is no step here", advice)


def _entry_problems(path: str, leaf: Condition) -> Iterator[Problem]:
    """Find comparisons with the event that the user entered by, where nobody has."""
    asked: list[tuple[str, EventFilter]] = []
    match leaf:
        case EventLeaf():
            asked = [(path, leaf)]
        case InactionLeaf():
            inside = leaf.inaction
            asked = [
                (f"{path}.inaction.did", inside.did),
                (f"{path}.inaction.without", inside.without),
            ]
        case SequenceLeaf():
            asked = [
                (f"{path}.sequence[{index}]", step) for index, step in enumerate(leaf.sequence)
            ]
    for place, events in asked:
        for name in events.entry_paths:
            yield Problem(
                f"{place}.where.{name}.equals_entry",
                "nobody has entered yet",
                "compare with a value",
            )


def _inside_audience(
    path: str, audience: str, audiences: Mapping[str, Condition]
) -> Iterator[Problem]:
    """Find audiences that an audience asks for and that are not there, or lead back to it."""
    seen: set[str] = set()

    def visit(id_: str, above: tuple[str, ...]) -> Iterator[Problem]:
        if id_ in above:
            text = f"audience {audience!r} leads to {id_!r}, which is defined by itself"
            yield Problem(f"{path}.audience", text, "break the circle")
        elif id_ not in audiences:
            text = f"audience {audience!r} asks for {id_!r}, which does not exist"
            yield Problem(f"{path}.audience", text, did_you_mean(id_, audiences))
        elif id_ not in seen:
            seen.add(id_)
            for inner in audiences_in(audiences[id_]):
                yield from visit(inner, (*above, id_))

    yield from visit(audience, ())
