"""What a journey file and an audience file may say, and how they are read.

A file is YAML or JSON, with one or more documents. `kind` tells a journey (the default) from
an audience and a computed trait. Reading reports every problem of every document at once; what can
only be judged as a whole (dangling references, loops, limits) is in `validation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from journeystream.comparisons import COMPARISON_TAG, VALUE_TAG
from journeystream.computed_traits import Computation
from journeystream.condition_language import CONDITION_TAGS, Condition, Written
from journeystream.dialects import is_config_form, translated
from journeystream.entry_language import REENTRY_TAGS, Entry, Goal
from journeystream.errors import DefinitionError, Problem, UserError
from journeystream.sending import Sending
from journeystream.setting_types import SpanText, TimeZoneName
from journeystream.steps import Step
from journeystream.steps.contract import ID_PATTERN
from journeystream.steps.send_to_destinations import KEY_PATTERN, NAME_TAG, SEND_TAG
from journeystream.yaml_text import NotYaml, documents

_STEP_TYPE_PLACE = 3  # journey, steps, number, type
_TAGS = frozenset((*CONDITION_TAGS, VALUE_TAG, COMPARISON_TAG, NAME_TAG, SEND_TAG, *REENTRY_TAGS))


class ExitRule(Written):
    """A condition that takes the user out at once, wherever they are."""

    name: str = Field(min_length=1, description="unique in the journey; the exit's detail")
    condition: Condition


class Moves(Written):
    """Users in older versions go on in this one, at the step with the same id, or a named one."""

    move: dict[str, str] = Field(description="id of an older version's step -> id of one of these")


class ExampleEvent(Written):
    """An event of an example, at a time from its start."""

    at: str | None = Field(None, description="a duration from the example's start; default: then")
    user: str = "u1"
    event: str | None = Field(None, description="name of a track event")
    page: str | None = Field(None, description="name of a page call")
    screen: str | None = Field(None, description="name of a screen call")
    properties: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    traits: dict[str, Any] = Field(default_factory=dict, description="an identify call's traits")
    enrolled: bool = Field(False, description="no event: the user is enrolled by name")
    joins: str | None = Field(None, description="no event: a list that the user is put on")
    leaves: str | None = Field(None, description="no event: a list that the user is taken off")
    answers: list[dict[str, Any]] | None = Field(
        None, description="no event: offers by which a decision service answers the user's question"
    )


class ExpectedEffect(Written):
    """An Entered or Exited that an example must yield."""

    at: str | None = Field(None, description="a duration from the example's start; default: then")
    user: str = "u1"
    enters: str | None = Field(None, description="id of the send step entered")
    exits: str | None = Field(None, description="id of the send step exited")
    reason: str | None = Field(None, description="why it was exited, when that matters")


class Example(Written):
    """Events in, and all the effects out; `journeystream validate` runs it in virtual time."""

    name: str
    events: list[ExampleEvent] = Field(min_length=1)
    until: str | None = Field(None, description="when to stop; default: at the last event")
    expect: list[ExpectedEffect] = Field(description="every Entered and Exited, in order")


class JourneyDefinition(Written):
    """A journey: who enters, the steps, and what takes people out."""

    kind: Literal["journey"] = "journey"
    id: str = Field(pattern=ID_PATTERN, description="stays when the journey is renamed")
    name: str = Field(min_length=1)
    description: str = ""
    time_zone: TimeZoneName | None = Field(None, description="default: the project's")
    time_zone_trait: str | None = Field(
        None, min_length=1, description="trait that names a user's own zone; default: the project's"
    )
    sending: Sending = Field(default_factory=Sending, description="when sends may be told")
    entry: Entry
    goals: list[Goal] = Field(default_factory=list)
    exits: list[ExitRule] = Field(default_factory=list)
    leave_when_not_in_audience: bool = Field(
        False, description="users leave when what let them in does not hold any more"
    )
    max_duration: SpanText | None = Field(None, description="everyone leaves after this long")
    at_end: Literal["rest", "exit"] = Field(
        "rest", description="what a path that ends at a send step means for the user"
    )
    in_flight: Literal["pin", "move", "exit"] | Moves = Field(
        "pin", description="what a new version means to users who are in an older one"
    )
    steps: list[Step] = Field(min_length=1)
    examples: list[Example] = Field(default_factory=list)

    @property
    def first_step(self) -> str:
        """The id of the step that everyone comes to first."""
        return self.entry.next or self.steps[0].id

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Yield (path, condition) for every condition in the journey."""
        yield from self.entry.conditions()
        for index, goal in enumerate(self.goals):
            yield f"goals[{index}].condition", goal.condition
        for index, rule in enumerate(self.exits):
            yield f"exits[{index}].condition", rule.condition
        for index, step in enumerate(self.steps):
            for path, condition in step.conditions():
                yield f"steps[{index}].{path}", condition


class AudienceDefinition(Written):
    """A named condition that journeys can ask for: `audience: ID`.

    With destinations it is a journey of its own too: they are told of who is in it.
    """

    kind: Literal["audience"]
    id: str = Field(pattern=ID_PATTERN)
    name: str = Field(min_length=1)
    description: str = ""
    condition: Condition = Field(description="who is in it")
    destinations: list[str] = Field(default_factory=list, description="told of who is in it")
    key: str | None = Field(
        None,
        pattern=KEY_PATTERN,
        description="what destinations know it by; default: its id",
    )


class ComputedTraitDefinition(Computation):
    """A trait that is made of a user's events: conditions ask for `computed.ID`."""

    kind: Literal["computed_trait"]
    id: str = Field(pattern=ID_PATTERN)
    name: str = Field(min_length=1)
    description: str = ""


def _kind(written: object) -> str:
    kind = written.get("kind", "journey") if isinstance(written, Mapping) else "journey"
    return str(kind)


Definition = JourneyDefinition | AudienceDefinition | ComputedTraitDefinition
_DEFINITION: TypeAdapter[Definition] = TypeAdapter(
    Annotated[
        Annotated[JourneyDefinition, Tag("journey")]
        | Annotated[AudienceDefinition, Tag("audience")]
        | Annotated[ComputedTraitDefinition, Tag("computed_trait")],
        Discriminator(_kind),
    ]
)


def read_definitions(path: Path) -> list[Definition]:
    """Read every document of a file; DefinitionError lists all problems in all of them."""
    try:
        read = documents(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: can not be read ({error.strerror}); check the path") from None
    except (NotYaml, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no YAML or JSON: {error}; mend the file") from None
    if not read:
        raise UserError(f"{path}: is empty; write a journey, see `journeystream init`")
    definitions, problems = [], []
    for index, document in enumerate(read):
        try:
            definitions.append(parse_definition(document, str(path)))
        except DefinitionError as error:
            inside = f"document {index + 1}: " if len(read) > 1 else ""
            problems += [
                Problem(inside + problem.path, problem.message, problem.advice)
                for problem in error.problems
            ]
    if problems:
        raise DefinitionError(str(path), problems)
    return definitions


def parse_definition(document: object, source: str) -> Definition:
    """Check one document's form; DefinitionError lists every problem."""
    if isinstance(document, Mapping) and is_config_form(document):
        document = translated(document, source)
    try:
        return _DEFINITION.validate_python(document)
    except ValidationError as error:
        raise DefinitionError(source, [_problem(details) for details in error.errors()]) from None


def definition_schema() -> dict[str, Any]:
    """Return the JSON Schema of a definition document."""
    return _DEFINITION.json_schema(by_alias=True)


def _problem(details: ErrorDetails) -> Problem:
    advice = {
        "missing": "add it",
        "extra_forbidden": "remove it, or correct its name",
        "union_tag_not_found": "write `type:` with one of the step types",
    }.get(details["type"], "mend the value")
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "missing":
        message = "is missing"
    elif details["type"] == "extra_forbidden":
        message = "is not known here"
    return Problem(_path(details["loc"]) or "document", message, advice)


def _path(location: tuple[int | str, ...]) -> str:
    """Turn pydantic's location into a path, without the tags of its unions.

    The first part is the kind of document; behind the number of a step stands its type.
    """
    path = ""
    for place, part in enumerate(location):
        is_step_type = place == _STEP_TYPE_PLACE and location[1] == "steps"
        if place == 0 or is_step_type or part in _TAGS:
            continue
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path
