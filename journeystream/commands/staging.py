"""What a simulation runs: one version of a journey, with what is published or defined beside it.

Law: files win over what is published under the same id. Only what is named runs: the journey, those
in further files, and with `others` those that are live. Every definition in a file is checked, with
its examples, before anything is played.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer

from journeystream.commands.checking import check_files, tell
from journeystream.control_log import Head, Published, PublishedVersion
from journeystream.definitions import (
    AudienceDefinition,
    ComputedTraitDefinition,
    Definition,
    JourneyDefinition,
)
from journeystream.engine import Rules
from journeystream.errors import UserError, did_you_mean
from journeystream.keys import keys_of
from journeystream.lifecycle import State
from journeystream.project import Limits, Project
from journeystream.publishing import workshop_of
from journeystream.repeats import Memory


@dataclass(frozen=True, slots=True)
class Staged:
    """A version that is to be simulated, under the rules that it is played by."""

    journey: str
    label: str
    rules: Rules


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is beside a journey: a project, what is `published`, further `files`."""

    project: Project | None
    published: Published = field(default_factory=Published)
    files: Sequence[Path] = ()
    others: bool = False

    def of_file(self, file: Path) -> Staged:
        """Stage the one journey of a file, with what further files define."""
        defined = self._defined([file, *self.files])
        journeys = [
            each for place, each in defined if place == file and isinstance(each, JourneyDefinition)
        ]
        if len(journeys) != 1:
            raise UserError(
                f"{file}: holds {len(journeys)} journeys; name a file with the one to simulate "
                f"first, and those that run beside it in files after it"
            )
        before = self.published.head(journeys[0].id)
        keys = keys_of(journeys[0], before.keys if before else {}, self._limits.key)
        version = PublishedVersion(journeys[0], 1, keys, published_at=0)
        return self._staged(version, str(file), defined)

    def of_version(self, journey: str, number: int | None = None) -> Staged:
        """Stage a published version of a journey, or the one that new users enter."""
        head = self.published.heads.get(journey)
        if head is None:
            known = did_you_mean(journey, self.published.heads.keys())
            raise UserError(f"no journey {journey!r} is published; {known}")
        wanted = head.version if number is None else number
        version = self.published.versions.get((journey, wanted))
        if version is None:
            there = sorted(each for id_, each in self.published.versions if id_ == journey)
            raise UserError(
                f"journey {journey!r} has no version {wanted}; published are: "
                f"{', '.join(map(str, there))}"
            )
        return self._staged(version, f"version {wanted}", self._defined(self.files))

    def _defined(self, files: Sequence[Path]) -> list[tuple[Path, Definition]]:
        """Return what files define; problems are told, and end the command."""
        published = self.published
        checked = check_files(
            files, published.conditions(), self.project, computed=published.computed_traits
        )
        wrong = [each for each in checked if not each.ok]
        if wrong:
            tell(wrong)
            raise typer.Exit(2)
        return [(each.file, each.definition) for each in checked if each.definition]

    def _staged(
        self, version: PublishedVersion, label: str, beside: Sequence[tuple[Path, Definition]]
    ) -> Staged:
        journey, limits = version.definition.id, self._limits
        stage = self._beside(journey, [definition for _, definition in beside])
        stage.versions[journey, version.version] = version
        stage.heads[journey] = Head(State.LIVE, version.version)
        memory = Memory(limits.dedup_window_micros, limits.dedup_ids)
        journeys = stage.compiled(workshop_of(self.project))
        return Staged(journey, label, Rules(journeys, memory=memory, travels=True))

    @property
    def _limits(self) -> Limits:
        return Limits() if self.project is None else self.project.limits

    def _beside(self, journey: str, defined: Sequence[Definition]) -> Published:
        """Return all that there is beside a journey: definitions, and other journeys that run."""
        stage = replace(self.published, versions={}, heads={})
        stage.audiences = dict(self.published.audiences)
        stage.computed_traits = dict(self.published.computed_traits)
        for id_, head in self.published.heads.items():
            version = self.published.head(id_)
            is_live = head.state is State.LIVE and id_ != journey
            if self.others and is_live and version is not None:
                stage.versions[id_, head.version] = version
                stage.heads[id_] = Head(State.LIVE, head.version)
        for each in defined:
            match each:
                case AudienceDefinition():
                    stage.audiences[each.id] = each
                case ComputedTraitDefinition():
                    stage.computed_traits[each.id] = each
                case JourneyDefinition():
                    keys = keys_of(each, {}, self._limits.key)
                    stage.versions[each.id, 1] = PublishedVersion(each, 1, keys, published_at=0)
                    stage.heads[each.id] = Head(State.LIVE, 1)
        return stage
