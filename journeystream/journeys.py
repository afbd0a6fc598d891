"""The journeys that are published, with the index that an event is looked up in.

Law: what an event costs grows with what it touches, not with how many journeys there are.
`matters` is asked before any state is read; most events end there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from journeystream.compiler import CompiledJourney
from journeystream.condition_language import ANY_NAME
from journeystream.conditions import Predicate, merge_predicates
from journeystream.errors import EngineError, StateError
from journeystream.events import Event
from journeystream.user import NEVER, User

Version = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Journeys:
    """Every published version, and which of them admit and which are archived.

    `heads` maps a journey's id to the version that new users enter. `admitting` are the ids
    of live journeys; a paused one keeps its users but lets no one in. `archived` journeys
    keep nobody. `watched` maps a trait to the paths in it whose changes some condition asks
    for. `retries` counts how often each was asked to be tried again for whom it failed.
    """

    versions: Mapping[Version, CompiledJourney] = field(default_factory=dict)
    heads: Mapping[str, CompiledJourney] = field(default_factory=dict)
    admitting: frozenset[str] = frozenset()
    archived: frozenset[str] = frozenset()
    retries: Mapping[str, int] = field(default_factory=dict)
    predicates: Mapping[str, Predicate] = field(init=False)
    watched: Mapping[str, tuple[str, ...]] = field(init=False)
    strangers_welcome: tuple[CompiledJourney, ...] = field(init=False)
    _readers: Mapping[str, tuple[str, ...]] = field(init=False)
    _by_name: Mapping[tuple[str, str], tuple[Predicate, ...]] = field(init=False)
    _entries_by_predicate: Mapping[str, tuple[CompiledJourney, ...]] = field(init=False)
    _entries_by_trait: Mapping[str, tuple[CompiledJourney, ...]] = field(init=False)

    def __post_init__(self) -> None:
        living = [journey for journey in self.versions.values() if journey.id not in self.archived]
        entering = [head for head in self.heads.values() if head.id not in self.archived]
        predicates = merge_predicates(living)
        by_name: dict[tuple[str, str], list[Predicate]] = defaultdict(list)
        for predicate in predicates.values():
            by_name[predicate.kind, predicate.name].append(predicate)
        readers: dict[str, set[str]] = defaultdict(set)
        for journey in living:
            for id_ in journey.predicates:
                readers[id_].add(journey.id)
        watched: dict[str, set[str]] = defaultdict(set)
        for journey in living:
            for path in journey.watched:
                watched[path.partition(".")[0]].add(path)
        by_predicate: dict[str, list[CompiledJourney]] = defaultdict(list)
        by_trait: dict[str, list[CompiledJourney]] = defaultdict(list)
        for journey in entering:
            for id_ in journey.entry.predicates:
                by_predicate[id_].append(journey)
            for trait in journey.entry.traits:
                by_trait[trait].append(journey)
        for name, value in (
            ("predicates", predicates),
            ("watched", {trait: tuple(sorted(paths)) for trait, paths in watched.items()}),
            ("strangers_welcome", tuple(j for j in entering if j.takes_strangers)),
            ("_readers", {id_: tuple(sorted(found)) for id_, found in readers.items()}),
            ("_by_name", {key: tuple(found) for key, found in by_name.items()}),
            ("_entries_by_predicate", {key: tuple(found) for key, found in by_predicate.items()}),
            ("_entries_by_trait", {key: tuple(found) for key, found in by_trait.items()}),
        ):
            object.__setattr__(self, name, value)

    def matters(self, kind: str, name: str) -> bool:
        """Tell whether any journey reads such an event; asked before state is read.

        If not, it can only be news that there is such a user (`have_met`).
        """
        return (
            kind == "identify" or (kind, name) in self._by_name or (kind, ANY_NAME) in self._by_name
        )

    def have_met(self, user: User | None) -> bool:
        """Tell whether all journeys that strangers may enter have looked at the user."""
        return user is not None and all(
            (passes := user.passes.get(journey.id)) is not None
            and passes.version == journey.version
            for journey in self.strangers_welcome
        )

    def matched(self, event: Event, stuck: Container[str] = ()) -> list[Predicate]:
        """Return the predicates that count the event.

        One that fails fails in a journey that reads it, unless all of those are `stuck` already.
        """
        found = self._by_name.get((event.kind, event.name), ())
        if event.name != ANY_NAME:
            found += self._by_name.get((event.kind, ANY_NAME), ())
        matched = []
        for predicate in found:
            try:
                if predicate.matches(event):
                    matched.append(predicate)
            except Exception as error:
                for reader in self._readers[predicate.id]:
                    if reader not in stuck:
                        raise EngineError(reader) from error
        return matched

    def entries(
        self, matched: Iterable[Predicate], traits: Iterable[str]
    ) -> Iterable[CompiledJourney]:
        """Return the journeys whose entry condition reads one of the predicates or traits."""
        found: dict[str, CompiledJourney] = {}
        for predicate in matched:
            for journey in self._entries_by_predicate.get(predicate.id, ()):
                found[journey.id] = journey
        for trait in traits:
            for journey in self._entries_by_trait.get(trait, ()):
                found[journey.id] = journey
        return found.values()

    def version(self, journey: str, version: int) -> CompiledJourney:
        """Return the version that an instance is pinned to."""
        try:
            return self.versions[journey, version]
        except KeyError:
            raise StateError(
                f"a user is in {journey} version {version}, which the control topic does not "
                f"hold; was the topic cut? publish that version again"
            ) from None


@dataclass(frozen=True, slots=True)
class Floors:
    """From which instant on each version counts events, in one partition."""

    instants: Mapping[Version, int] = field(default_factory=dict)

    def of(self, journey: CompiledJourney) -> int:
        """Return the instant; events at or before it do not count for the journey."""
        return self.instants.get((journey.id, journey.version), NEVER)
