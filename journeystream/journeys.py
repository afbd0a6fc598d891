"""The journeys that are published, with the index that an event is looked up in.

Law: what an event costs grows with what it touches, not with how many journeys there are.
`matters` is asked before any state is read; most events end there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field

from journeystream.compiler import CompiledJourney
from journeystream.computed_traits import ComputedTrait
from journeystream.condition_language import ANY_NAME
from journeystream.conditions import Predicate, merge_predicates
from journeystream.errors import EngineError, StateError
from journeystream.events import Event
from journeystream.user import NEVER, User

Version = tuple[str, int]
_OF_IDENTITY = frozenset(("identify", "alias"))  # they can change who somebody is, whatever is read


@dataclass(frozen=True, slots=True)
class Interest:
    """Into which events somebody looks: those of a kind and name, and those of whole kinds.

    Where `strangers` are of interest, any event of somebody new is news.
    """

    named: Container[tuple[str, str]] = ()
    kinds: Container[str] = ()
    strangers: bool = True


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of users in an older version: on in another one, or out (`version` is None).

    `steps` maps steps of the old version to other ones of the new version.
    """

    version: int | None
    steps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Journeys:
    """Every published version, and which of them admit and which are archived.

    `heads` maps a journey's id to the version that new users enter. `admitting` are the ids
    of live journeys; a paused one keeps its users but lets no one in. In a `held` journey nobody
    moves until it goes on, in a `stopped` one nobody ever; `archived` journeys keep nobody.
    `retries` counts how often each was asked to be tried again for whom it failed, `reviews` how
    often its users had to be looked at for another reason. `fates` says what becomes of those in
    older versions who do not stay there. `watched` maps a trait to the paths in it whose changes
    some condition asks for. `computed` traits are kept whether a journey reads them or not.
    """

    versions: Mapping[Version, CompiledJourney] = field(default_factory=dict)
    heads: Mapping[str, CompiledJourney] = field(default_factory=dict)
    admitting: frozenset[str] = frozenset()
    archived: frozenset[str] = frozenset()
    retries: Mapping[str, int] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()
    reviews: Mapping[str, int] = field(default_factory=dict)
    fates: Mapping[Version, Fate] = field(default_factory=dict)
    computed: Mapping[str, ComputedTrait] = field(default_factory=dict)
    frozen: frozenset[str] = field(init=False)
    closed: frozenset[str] = field(init=False)
    triggered: Mapping[tuple[str, str], tuple[str, ...]] = field(init=False)
    readers_of_journey: Mapping[str, tuple[CompiledJourney, ...]] = field(init=False)
    entries_by_trait: Mapping[str, tuple[CompiledJourney, ...]] = field(init=False)
    entries_by_list: Mapping[str, tuple[CompiledJourney, ...]] = field(init=False)
    predicates: Mapping[str, Predicate] = field(init=False)
    watched: Mapping[str, tuple[str, ...]] = field(init=False)
    strangers_welcome: tuple[CompiledJourney, ...] = field(init=False)
    interest: Interest = field(init=False)
    _readers: Mapping[str, tuple[str, ...]] = field(init=False)
    _by_name: Mapping[tuple[str, str], tuple[Predicate, ...]] = field(init=False)
    _entries_by_predicate: Mapping[str, tuple[CompiledJourney, ...]] = field(init=False)

    def __post_init__(self) -> None:
        closed = self.archived | self.stopped
        living = [journey for journey in self.versions.values() if journey.id not in closed]
        entering = [head for head in self.heads.values() if head.id not in closed]
        admitting = [head for head in entering if head.admits]
        predicates = merge_predicates([*living, *self.computed.values()])
        by_name: dict[tuple[str, str], list[Predicate]] = defaultdict(list)
        for predicate in predicates.values():
            by_name[predicate.kind, predicate.name].append(predicate)
        readers: dict[str, set[str]] = defaultdict(set)
        for journey in living:
            for id_ in journey.predicates:
                readers[id_].add(journey.id)
        watched = {path for journey in living for path in journey.watched}
        strangers_welcome = tuple(each for each in entering if each.takes_strangers)
        for name, value in (
            ("frozen", self.held | self.stopped),
            ("closed", closed),
            ("predicates", predicates),
            ("watched", _by_trait(watched)),
            ("strangers_welcome", strangers_welcome),
            ("_readers", {id_: tuple(sorted(found)) for id_, found in readers.items()}),
            ("_by_name", {key: tuple(found) for key, found in by_name.items()}),
            ("interest", Interest(by_name.keys(), _read_whole(by_name), bool(strangers_welcome))),
            ("_entries_by_predicate", _index(admitting, lambda j: j.entry.predicates)),
            ("entries_by_trait", _index(admitting, lambda j: j.entry.traits)),
            ("entries_by_list", _index(admitting, lambda j: j.entry.lists)),
            ("readers_of_journey", _readers_of_journey(living, admitting)),
            ("triggered", _triggered(entering)),
        ):
            object.__setattr__(self, name, value)

    def matters(self, kind: str, name: str) -> bool:
        """Tell whether any journey reads such an event; asked before state is read.

        If not, it can only be news that there is such a user (`have_met`).
        """
        return (kind, name) in self._by_name or kind in self.interest.kinds

    def have_met(self, user: User | None) -> bool:
        """Tell whether all journeys that strangers may enter have looked at the user.

        Who became another is nobody's stranger: the other one may be.
        """
        if user is not None and user.became:
            return True
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
                for reader in self._readers.get(predicate.id, ()):
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
            for journey in self.entries_by_trait.get(trait, ()):
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


def _index(
    journeys: Iterable[CompiledJourney], reads: Callable[[CompiledJourney], Iterable[str]]
) -> dict[str, tuple[CompiledJourney, ...]]:
    found: dict[str, list[CompiledJourney]] = defaultdict(list)
    for journey in journeys:
        for name in reads(journey):
            found[name].append(journey)
    return {name: tuple(readers) for name, readers in found.items()}


def _read_whole(read: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the kinds of events of which every name is read."""
    return _OF_IDENTITY.union(kind for kind, name in read if name == ANY_NAME)


def _by_trait(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        found[path.partition(".")[0]].append(path)
    return {trait: tuple(inside) for trait, inside in found.items()}


def _readers_of_journey(
    living: Iterable[CompiledJourney], admitting: Iterable[CompiledJourney]
) -> dict[str, tuple[CompiledJourney, ...]]:
    """Return journey id -> whose entry reads it; also those that only users in flight read."""
    readers = _index(admitting, lambda journey: journey.entry.journeys)
    for journey in living:
        for read in journey.reads_journeys:
            readers.setdefault(read, ())
    return readers


def _triggered(entering: Iterable[CompiledJourney]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return (journey, step) -> the journeys that whoever reaches it enters."""
    triggered: dict[tuple[str, str], tuple[str, ...]] = {}
    for journey in entering:
        for trigger in journey.triggers:
            triggered[trigger] = (*triggered.get(trigger, ()), journey.id)
    return triggered


@dataclass(frozen=True, slots=True)
class Floors:
    """From which instant on each version counts events, in one partition."""

    instants: Mapping[Version, int] = field(default_factory=dict)

    def of(self, journey: CompiledJourney) -> int:
        """Return the instant; events at or before it do not count for the journey."""
        if journey.own:
            return NEVER
        return self.instants.get((journey.id, journey.version), NEVER)

    def opens(self, journey: CompiledJourney) -> int:
        """Return from when on a journey that uses history lets users in."""
        return self.instants.get((journey.id, journey.version), NEVER)
