"""What validate and publish share: reading files, judging each definition, and telling of it.

Law: all that is wrong in all files is told at once. A definition is judged with the audiences
of every file beside it, whatever the order of the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from journeystream.commands import output
from journeystream.computed_traits import Computation
from journeystream.condition_language import Condition
from journeystream.definitions import (
    AudienceDefinition,
    ComputedTraitDefinition,
    Definition,
    JourneyDefinition,
    read_definitions,
)
from journeystream.errors import DefinitionError, Problem, UserError
from journeystream.project import Project
from journeystream.publishing import check

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", show_default=False, help="Journey and audience files."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class Checked:
    """One definition with what is wrong with it; `definition` is None for an unreadable file."""

    file: Path
    definition: Definition | None
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it can be published."""
        return not any(not problem.warning for problem in self.problems)

    def told(self) -> str:
        """Return what people are told: one line, and one for each problem."""
        faults = sum(not problem.warning for problem in self.problems)
        what = f"ok{self._size()}" if self.ok else output.count_of(faults, "problem")
        name = f": {self.definition.id}" if self.definition else ""
        return "\n".join((f"{self.file}{name}: {what}", *(f"  {each}" for each in self.problems)))

    def as_json(self) -> dict[str, Any]:
        """Return what programs are told."""
        definition = self.definition
        journey = definition if isinstance(definition, JourneyDefinition) else None
        return {
            "file": str(self.file),
            "kind": definition and definition.kind,
            "id": definition and definition.id,
            "ok": self.ok,
            "steps": journey and len(journey.steps),
            "examples": journey and len(journey.examples),
            "problems": [
                {
                    "path": problem.path,
                    "message": problem.message,
                    "advice": problem.advice,
                    "warning": problem.warning,
                }
                for problem in self.problems
            ],
        }

    def _size(self) -> str:
        if not isinstance(self.definition, JourneyDefinition):
            return f" ({self.definition.kind.replace('_', ' ')})" if self.definition else ""
        steps = output.count_of(len(self.definition.steps), "step")
        examples = output.count_of(len(self.definition.examples), "example")
        return f" ({steps}, {examples} run)"


def check_files(
    files: Sequence[Path],
    audiences: Mapping[str, Condition],
    project: Project | None,
    journeys: Mapping[str, JourneyDefinition] | None = None,
    computed: Mapping[str, Computation] | None = None,
) -> list[Checked]:
    """Read and judge every definition; `audiences`, `journeys`, `computed`: what is published.

    Without journeys, other ones than those of the files may be named too.
    """
    read = [checked for file in dict.fromkeys(files) for checked in _read(file)]
    beside = {
        checked.definition.id: checked.definition.condition
        for checked in read
        if isinstance(checked.definition, AudienceDefinition)
    }
    known = {**audiences, **beside}
    traits = dict(computed or {})
    for each in read:
        if isinstance(each.definition, ComputedTraitDefinition):
            traits[each.definition.id] = each.definition
    if journeys is not None:
        here = [each.definition for each in read]
        journeys = {
            **journeys,
            **{each.id: each for each in here if isinstance(each, JourneyDefinition)},
        }
    first: dict[tuple[str, str], Path] = {}
    judged = []
    for checked in read:
        if checked.definition is None:
            judged.append(checked)
            continue
        found = check(checked.definition, known, project, journeys, traits)
        named = checked.definition.kind, checked.definition.id
        if named in first:
            found.append(
                Problem(
                    "id",
                    f"{named[0]} {named[1]!r} is also defined in {first[named]}",
                    "give each its own id",
                )
            )
        first.setdefault(named, checked.file)
        judged.append(replace(checked, problems=tuple(found)))
    return judged


def tell(checked: Sequence[Checked]) -> None:
    """Print each definition with its problems."""
    for each in checked:
        output.say(each.told())


def _read(file: Path) -> list[Checked]:
    try:
        return [Checked(file, definition) for definition in read_definitions(file)]
    except DefinitionError as error:
        return [Checked(file, None, error.problems)]
    except UserError as error:
        said = str(error).removeprefix(f"{file}: ")
        message, _, advice = said.partition("; ")
        return [Checked(file, None, (Problem("file", message, advice or "mend the file"),))]
