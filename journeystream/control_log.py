"""The control topic: what is published, as records of a compacted log.

* `journey/ID/VERSION` — one version's definition, the keys of its send steps, and when it
  was published. Users in flight stay on their version, so versions are kept.
* `journey/ID` — the journey's state, and the version that new users enter.
* `audience/ID` — an audience's definition, `computed_trait/ID` a computed trait's.
* `draft/ID` — a journey that is being designed: any object, which means nothing to anybody yet.
* `answer/KEY` — what a change was answered with that was asked for under an idempotency key.

Whoever has read the topic to its end knows the same `Published` as everyone else. Only the last
record of a key counts, and one without a value takes its key out. What can not be read, or not be
compiled, is a StateError: part of the truth would be missing without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, StrictInt, StrictStr

from journeystream.compiler import CompiledJourney, Workshop, compile_journey
from journeystream.computed_traits import compile_computations
from journeystream.condition_language import Condition
from journeystream.definitions import (
    AudienceDefinition,
    ComputedTraitDefinition,
    Definition,
    JourneyDefinition,
    Moves,
    parse_definition,
)
from journeystream.errors import DefinitionError, StateError
from journeystream.journeys import Fate, Journeys, Version
from journeystream.lifecycle import State

_JOURNEY, _AUDIENCE, _COMPUTED_TRAIT = "journey", "audience", "computed_trait"
_DRAFT, _ANSWER = "draft", "answer"
Written = tuple[bytes, bytes]
"""A record of the control topic: key and value."""
Record = tuple[bytes, bytes | None]
"""The same; without a value it takes its key out."""


class _StoredVersion(BaseModel):
    definition: dict[str, Any]
    keys: dict[str, StrictStr]
    published_at: Annotated[StrictInt, Field(alias="publishedAt")]


class _StoredHead(BaseModel):
    state: State
    version: StrictInt
    retries: StrictInt = 0
    hold: bool = False
    reviews: StrictInt = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A journey that is being designed, as it was last saved; times are instants."""

    definition: Mapping[str, Any]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a change was answered with, for whoever asks again under the same key.

    `request` tells the same request from another one under that key; `at` is an instant.
    """

    at: int
    request: str
    status: int
    body: Any
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version of a journey as it was published; `published_at` is an instant."""

    definition: JourneyDefinition
    version: int
    keys: Mapping[str, str]
    published_at: int


@dataclass(frozen=True, slots=True)
class Head:
    """A journey's state, the version that new users enter, and how often it was tried again.

    `hold`: while it is paused, nobody in it moves. `reviews` counts how often everyone in it had to
    be looked at anew: after a hold, or for a version that takes users over from older ones.
    """

    state: State
    version: int
    retries: int = 0
    hold: bool = False
    reviews: int = 0


@dataclass(slots=True)
class Published:
    """Everything that the control topic says."""

    versions: dict[Version, PublishedVersion] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    audiences: dict[str, AudienceDefinition] = field(default_factory=dict)
    computed_traits: dict[str, ComputedTraitDefinition] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def after(self, records: Iterable[Record]) -> Published:
        """Return what is published once these are written; this one stays as it is."""
        copies = {each.name: dict(getattr(self, each.name)) for each in fields(self)}
        later = replace(self, **copies)
        for key, value in records:
            if value is not None:
                later.apply(key, value)
            elif key.startswith(f"{_DRAFT}/".encode()):
                later.drafts.pop(key.decode().partition("/")[2], None)
        return later

    def apply(self, key: bytes | None, value: bytes) -> None:
        """Take one record in; StateError when this version can not read it."""
        try:
            self._apply((key or b"").decode(), orjson.loads(value))
        except (ValueError, KeyError, TypeError, DefinitionError) as error:
            raise StateError(
                f"the control topic holds {key!r}, which this version can not read ({error}); "
                f"run the version that wrote it, or a newer one, or take it out: produce a record "
                f"with this key and without a value"
            ) from error

    def _apply(self, key: str, data: dict[str, Any]) -> None:
        kind, _, rest = key.partition("/")
        id_, _, version = rest.partition("/")
        if kind == _AUDIENCE:
            audience = parse_definition(data["definition"], f"audience {id_}")
            if not isinstance(audience, AudienceDefinition) or audience.id != id_:
                raise ValueError(f"it defines {audience.kind} {audience.id!r}")
            self.audiences[id_] = audience
        elif kind == _COMPUTED_TRAIT:
            trait = parse_definition(data["definition"], f"computed trait {id_}")
            if not isinstance(trait, ComputedTraitDefinition) or trait.id != id_:
                raise ValueError(f"it defines {trait.kind} {trait.id!r}")
            self.computed_traits[id_] = trait
        elif kind == _JOURNEY and version:
            stored = _StoredVersion.model_validate(data)
            journey = parse_definition(stored.definition, f"journey {id_} version {version}")
            if not isinstance(journey, JourneyDefinition) or journey.id != id_:
                raise ValueError(f"it defines {journey.kind} {journey.id!r}")
            self.versions[id_, int(version)] = PublishedVersion(
                journey, int(version), stored.keys, stored.published_at
            )
        elif kind == _JOURNEY:
            head = _StoredHead.model_validate(data)
            self.heads[id_] = Head(**head.model_dump())
        elif kind == _DRAFT:
            self.drafts[rest] = Draft(**data)
        elif kind == _ANSWER:
            self.answers[rest] = Answer(**data)
        else:
            raise ValueError("unknown kind of record")

    def head(self, journey: str) -> PublishedVersion | None:
        """Return the version that new users of a journey enter."""
        head = self.heads.get(journey)
        return None if head is None else self.versions.get((journey, head.version))

    def journeys(self) -> dict[str, JourneyDefinition]:
        """Return the journeys that new users enter, by id."""
        found = ((id_, self.head(id_)) for id_ in self.heads)
        return {id_: version.definition for id_, version in found if version is not None}

    def conditions(self) -> dict[str, Condition]:
        """Return the audiences' conditions by id."""
        return {id_: audience.condition for id_, audience in self.audiences.items()}

    def equipped(self, workshop: Workshop) -> Workshop:
        """Return the workshop with the audiences and computed traits as they stand now."""
        computed = compile_computations(self.computed_traits, workshop.zone)
        return replace(workshop, audiences=self.conditions(), computed=computed)

    def compiled(self, workshop: Workshop) -> Journeys:
        """Compile everything that is published, with audiences and traits as they stand now."""
        workshop = self.equipped(workshop)
        versions = {
            version: _compiled_version(each, workshop) for version, each in self.versions.items()
        }
        heads = {
            id_: versions[id_, head.version]
            for id_, head in self.heads.items()
            if (id_, head.version) in versions
        }
        by_state = {
            state: frozenset(id_ for id_, head in self.heads.items() if head.state is state)
            for state in State
        }
        return Journeys(
            versions=versions,
            heads=heads,
            admitting=by_state[State.LIVE],
            archived=by_state[State.ARCHIVED],
            retries={id_: head.retries for id_, head in self.heads.items()},
            held=frozenset(id_ for id_ in by_state[State.PAUSED] if self.heads[id_].hold),
            stopped=by_state[State.STOPPED],
            reviews={id_: head.reviews for id_, head in self.heads.items()},
            fates=self._fates(),
            computed=workshop.computed,
        )

    def _fates(self) -> dict[Version, Fate]:
        """Return what becomes of older versions' users: the next one that takes them over says."""
        fates: dict[Version, Fate] = {}
        for id_, version in self.versions:
            newer = sorted(number for journey, number in self.versions if journey == id_)
            for number in newer[newer.index(version) + 1 :]:
                said = self.versions[id_, number].definition.in_flight
                if said == "pin":
                    continue
                if said == "exit":
                    fates[id_, version] = Fate(None)
                else:
                    steps = said.move if isinstance(said, Moves) else {}
                    fates[id_, version] = Fate(number, steps)
                break
        return fates


def is_for_workers(key: bytes | None) -> bool:
    """Tell whether a record may change what workers do: drafts and answers change nothing."""
    return (key or b"").partition(b"/")[0].decode(errors="replace") not in (_DRAFT, _ANSWER)


class LastRecords:
    """The last value of each key, as the topic has come in so far."""

    def __init__(self) -> None:
        self._values: dict[bytes | None, bytes] = {}

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record in."""
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def published(self) -> Published:
        """Return what they say; StateError when this version can not read one of them."""
        published = Published()
        for key, value in self._values.items():
            published.apply(key, value)
        return published


def _compiled_version(published: PublishedVersion, workshop: Workshop) -> CompiledJourney:
    try:
        return compile_journey(published.definition, published.version, published.keys, workshop)
    # It asks for something that is not there (KeyError) or that is defined by itself
    # (RecursionError): publishing checks each file, but two may publish at the same time.
    except (KeyError, RecursionError, ValueError) as error:
        raise StateError(
            f"the control topic holds journey {published.definition.id} version "
            f"{published.version}, which can not be compiled ({error!r}); publish what "
            f"it asks for, or the journey, anew"
        ) from error


def version_record(published: PublishedVersion) -> Written:
    """Return the record of one version."""
    key = f"{_JOURNEY}/{published.definition.id}/{published.version}"
    return key.encode(), orjson.dumps(
        {
            "definition": written(published.definition),
            "keys": dict(published.keys),
            "publishedAt": published.published_at,
        }
    )


def head_record(journey: str, head: Head) -> Written:
    """Return the record of a journey's state."""
    value = orjson.dumps(head)
    return f"{_JOURNEY}/{journey}".encode(), value


def audience_record(audience: AudienceDefinition) -> Written:
    """Return the record of an audience."""
    value = orjson.dumps({"definition": written(audience)})
    return f"{_AUDIENCE}/{audience.id}".encode(), value


def computed_trait_record(trait: ComputedTraitDefinition) -> Written:
    """Return the record of a computed trait."""
    value = orjson.dumps({"definition": written(trait)})
    return f"{_COMPUTED_TRAIT}/{trait.id}".encode(), value


def draft_record(journey: str, draft: Draft | None) -> Record:
    """Return the record of a draft; None: there is none any more."""
    return f"{_DRAFT}/{journey}".encode(), None if draft is None else orjson.dumps(draft)


def answer_record(key: str, answer: Answer | None) -> Record:
    """Return the record of what was answered under a key; None: it is forgotten."""
    return f"{_ANSWER}/{key}".encode(), None if answer is None else orjson.dumps(answer)


def written(definition: Definition) -> dict[str, Any]:
    """Return a definition as the JSON that its file could have been."""
    return definition.model_dump(mode="json", by_alias=True, exclude_unset=True)
