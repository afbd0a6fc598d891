"""The control topic: what is published, as records of a compacted log.

* `journey/ID/VERSION` — one version's definition, the keys of its send steps, and when it
  was published. Users in flight stay on their version, so versions are kept.
* `journey/ID` — the journey's state, and the version that new users enter.
* `audience/ID` — an audience's definition.

Whoever has read the topic to its end knows the same `Published` as everyone else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from journeystream.compiler import Workshop, compile_journey
from journeystream.condition_language import Condition
from journeystream.definitions import AudienceDefinition, JourneyDefinition, parse_definition
from journeystream.errors import DefinitionError, StateError
from journeystream.journeys import Journeys, Version
from journeystream.lifecycle import State

_JOURNEY, _AUDIENCE = "journey", "audience"


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version of a journey as it was published; `published_at` is an instant."""

    definition: JourneyDefinition
    version: int
    keys: Mapping[str, str]
    published_at: int


@dataclass(frozen=True, slots=True)
class Head:
    """A journey's state, and the version that new users enter."""

    state: State
    version: int


@dataclass(slots=True)
class Published:
    """Everything that the control topic says."""

    versions: dict[Version, PublishedVersion] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    audiences: dict[str, AudienceDefinition] = field(default_factory=dict)

    def apply(self, key: bytes, value: bytes) -> None:
        """Take one record in; StateError when this version can not read it."""
        try:
            self._apply(key.decode(), orjson.loads(value))
        except (ValueError, KeyError, TypeError, DefinitionError) as error:
            raise StateError(
                f"the control topic holds {key!r}, which this version can not read ({error}); "
                f"run the version that wrote it, or a newer one"
            ) from error

    def _apply(self, key: str, data: dict[str, Any]) -> None:
        kind, _, rest = key.partition("/")
        id_, _, version = rest.partition("/")
        if kind == _AUDIENCE:
            audience = parse_definition(data["definition"], f"audience {id_}")
            if isinstance(audience, AudienceDefinition):
                self.audiences[id_] = audience
        elif kind == _JOURNEY and version:
            journey = parse_definition(data["definition"], f"journey {id_} version {version}")
            if isinstance(journey, JourneyDefinition):
                self.versions[id_, int(version)] = PublishedVersion(
                    journey, int(version), data["keys"], data["publishedAt"]
                )
        elif kind == _JOURNEY:
            self.heads[id_] = Head(State(data["state"]), data["version"])
        else:
            raise ValueError("unknown kind of record")

    def head(self, journey: str) -> PublishedVersion | None:
        """Return the version that new users of a journey enter."""
        head = self.heads.get(journey)
        return None if head is None else self.versions.get((journey, head.version))

    def conditions(self) -> dict[str, Condition]:
        """Return the audiences' conditions by id."""
        return {id_: audience.condition for id_, audience in self.audiences.items()}

    def compiled(self, workshop: Workshop) -> Journeys:
        """Compile everything that is published, with the audiences as they are published."""
        workshop = replace(workshop, audiences=self.conditions())
        versions = {
            version: compile_journey(each.definition, each.version, each.keys, workshop)
            for version, each in self.versions.items()
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
        )


def version_record(published: PublishedVersion) -> tuple[bytes, bytes]:
    """Return the record of one version."""
    key = f"{_JOURNEY}/{published.definition.id}/{published.version}"
    return key.encode(), orjson.dumps(
        {
            "definition": written(published.definition),
            "keys": dict(published.keys),
            "publishedAt": published.published_at,
        }
    )


def head_record(journey: str, head: Head) -> tuple[bytes, bytes]:
    """Return the record of a journey's state."""
    value = orjson.dumps({"state": head.state, "version": head.version})
    return f"{_JOURNEY}/{journey}".encode(), value


def audience_record(audience: AudienceDefinition) -> tuple[bytes, bytes]:
    """Return the record of an audience."""
    value = orjson.dumps({"definition": written(audience)})
    return f"{_AUDIENCE}/{audience.id}".encode(), value


def written(definition: JourneyDefinition | AudienceDefinition) -> dict[str, Any]:
    """Return a definition as the JSON that its file could have been."""
    return definition.model_dump(mode="json", by_alias=True, exclude_unset=True)
