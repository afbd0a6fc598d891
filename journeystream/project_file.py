"""How `journeystream.yaml` and the environment become settings.

Law: a problem is told where the person can mend it: at its line in the file, or under the
name of the environment variable that won over the file; and all problems are told at once.
A secret comes from an environment variable or a file of its own, and is never told: a project
file is kept with the journeys, where many can read it.

The settings themselves are the models in project.py; this module takes any model.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from journeystream.errors import ProjectFileError
from journeystream.yaml_text import NotYaml, check_size

PREFIX = "JOURNEYSTREAM_"
PROJECT_VARIABLE = f"{PREFIX}PROJECT"
_NESTED = "__"
_LONGEST_SHOWN = 60
# How near a name has to be; Kubernetes sets variables such as JOURNEYSTREAM_PORT_9092_TCP
# for a service of our name, which are no misspelt settings.
_MISSPELT = 0.8

_NUMBER = "{value} is no whole number; write one, as in 8"
_GROUP = "{value} is no group of settings; write `name: value` lines under it"
_TRUTH = "{value} is neither true nor false; write one of the two"
# pydantic's error types, in the words of someone who mends a file.
_WORDS = {
    "missing": "it is missing; add it",
    "string_type": "{value} is not text; put it in quotes if it is meant as text",
    "string_too_short": "it is empty; write at least {min_length} character(s)",
    "string_too_long": "{value} is too long; write at most {max_length} characters",
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_from_float": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "greater_than_equal": "{value} is too small; write {ge} or more",
    "less_than_equal": "{value} is too large; write {le} or less",
    "literal_error": "{value} is not known; write {expected}",
    "list_type": "{value} is no list; start each entry with `- ` (in a variable: write JSON)",
    "too_short": "it is empty; list at least {min_length}",
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dict_type": _GROUP,
    "path_type": "{value} is no path; write one",
    "union_tag_not_found": "its type is missing; add `type: event` or `type: list`",
    "union_tag_invalid": "type {tag!r} is not known; write {expected_tags}",
    "invalid_key": "{value} is no name of a setting; write text",
}

Location = tuple[int | str, ...]
Groups = dict[tuple[str, ...], list[str]]
Model = TypeVar("Model", bound=BaseModel)
_Class = TypeVar("_Class")


class _Problem(NamedTuple):
    line: float
    text: str


class _Variables(EnvSettingsSource):
    """The settings that environment variables hold, nested as in the file."""

    def __init__(self, model: type[BaseModel]) -> None:
        # It reads the model's fields only, so that Project can stay a plain model, which
        # means the same wherever it is built.
        super().__init__(
            cast("type[BaseSettings]", model),
            env_prefix=PREFIX,
            env_nested_delimiter=_NESTED,
            env_ignore_empty=True,
        )

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:  # noqa: ANN401 -- as in the base
        """Let text that is no JSON through: validation then names the variable."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def read_settings(model: type[Model], file: Path) -> Model:
    """Read `model` from a YAML file with environment variables over it, or tell all problems."""
    tree, lines, problems = _parsed(file, _text_of(file))
    groups, secrets = dict(_groups(model)), set(_secrets(model))
    variables = _Variables(model)()
    problems += _misspelt_variables(groups)
    problems += _written_secrets(tree, secrets, file, lines)
    settings = None
    try:
        context = {"directory": file.resolve().parent}
        settings = model.model_validate(_merged(tree, variables), context=context)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            group, location = _untagged(details["loc"], groups)
            hidden = bool(group) and any(secret[: len(group)] == group for secret in secrets)
            text = f"{_path(location)}: {_words(details, group, groups, hidden=hidden)}"
            variable = _variable(location, variables)
            line = _line(lines, location)
            problems.append(
                _Problem(float("inf"), f"{variable}: {text}")
                if variable
                else _Problem(line, f"{file}:{line}: {text}")
            )
    if settings is None or problems:
        raise ProjectFileError("\n".join(problem.text for problem in sorted(problems)))
    return settings


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProjectFileError(
            f"{file}: there is no such file; run `journeystream init` to write one, "
            f"or name yours in {PROJECT_VARIABLE}"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ProjectFileError(f"{file}:{line}: this is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ProjectFileError(
            f"{file}: it can not be read ({error.strerror}); name a file that you may read"
        ) from None


def _parsed(file: Path, text: str) -> tuple[dict[str, Any], dict[Location, int], list[_Problem]]:
    """Read YAML, the line of each setting, and the settings that stand there twice."""
    # Not the C parser: its errors do not know their line in every case.
    yaml = YAML(typ="safe", pure=True)
    # The second of two would be an exception of its own, and hide all other problems.
    yaml.allow_duplicate_keys = True
    lines: dict[Location, int] = {(): 1}
    problems = []
    try:
        with warnings.catch_warnings():
            # An anchor may be used twice: an alias means the one before it.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = yaml.compose(text)
            if root is not None:
                check_size(root)
            tree = yaml.load(text)
        for location, line in _nodes(root):
            if location in lines:
                advice = f"it stands in line {lines[location]} already; keep one of the two"
                problems.append(_Problem(line, f"{file}:{line}: {_path(location)}: {advice}"))
            else:
                lines[location] = line
    except YAMLError as error:
        raise ProjectFileError(_syntax(file, text, error)) from None
    except NotYaml as error:
        raise ProjectFileError(f"{file}:1: {error}; write it out") from None
    except RecursionError:
        raise ProjectFileError(f"{file}:1: this is nested too deeply; write it flatter") from None
    except Exception as error:  # noqa: BLE001 -- whatever ruamel's constructors make of a text
        said = " ".join(str(error).split())
        raise ProjectFileError(
            f"{file}:1: a value is none of its type ({said}); look for dates and numbers"
        ) from None
    if not isinstance(tree, dict | None):
        raise ProjectFileError(f"{file}:1: this is no group of settings; write `name: value` lines")
    return tree or {}, lines, problems


def _syntax(file: Path, text: str, error: YAMLError) -> str:
    """Tell a YAML error in one line; most know a mark, one about characters an offset."""
    mark = isinstance(error, MarkedYAMLError) and (error.problem_mark or error.context_mark)
    if isinstance(error, MarkedYAMLError) and mark:
        line, what = mark.line + 1, error.problem or error.context
    else:
        line, what = text.count("\n", 0, getattr(error, "position", 0)) + 1, str(error)
    what = " ".join(str(what).split())
    return f"{file}:{line}: this is no YAML: {what}; look at this line and the one before it"


def _nodes(root: Any) -> Iterator[tuple[Location, int]]:  # noqa: ANN401 -- ruamel's nodes are untyped
    """Walk a YAML graph, each node once (an alias may lead back up), giving lines from 1."""
    waiting: list[tuple[Location, Any]] = [((), root)]
    seen: set[Location | int] = set()
    while waiting:
        location, node = waiting.pop(0)
        # What lies in a setting's repeat is no problem of its own.
        if id(node) in seen or location in seen:
            continue
        seen |= {id(node), location}
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if isinstance(key, ScalarNode):
                    yield (*location, key.value), key.start_mark.line + 1
                    waiting.append(((*location, key.value), value))
        elif isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                yield (*location, index), item.start_mark.line + 1
                waiting.append(((*location, index), item))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over another; lists are replaced, not joined."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(old or {}, value) if both else value
    return merged


def _groups(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, list[str]]]:
    """Give the settings that are known at each place; a tagged model lies under its tag."""
    yield path, list(model.model_fields)
    for name, field in model.model_fields.items():
        for part in _classes_in(field.annotation, BaseModel):
            tag = (
                get_args(part.model_fields["type"].annotation)
                if "type" in part.model_fields
                else ()
            )
            yield from _groups(part, (*path, name, *tag))


def _classes_in(annotation: Any, base: type[_Class]) -> Iterator[type[_Class]]:  # noqa: ANN401 -- any annotation
    if isinstance(annotation, type) and issubclass(annotation, base):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes_in(argument, base)


def _untagged(raw: Location, groups: Groups) -> tuple[tuple[str, ...], Location]:
    """Take the union tags, which are not in the file, out of pydantic's location."""
    group: tuple[str, ...] = ()
    location: list[int | str] = []
    for part in raw:
        if isinstance(part, int):
            location.append(part)
            continue
        tag = bool(location) and isinstance(location[-1], int) and (*group, part) in groups
        group = (*group, part)
        if not tag and part != "[key]":
            location.append(part)
    return group, tuple(location)


def _secrets(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the places of settings that are secret."""
    for name, field in model.model_fields.items():
        if any(_classes_in(field.annotation, SecretStr)):
            yield (*path, name)
        for part in _classes_in(field.annotation, BaseModel):
            yield from _secrets(part, (*path, name))


def _written_secrets(
    tree: Mapping[str, Any],
    secrets: Iterable[tuple[str, ...]],
    file: Path,
    lines: Mapping[Location, int],
) -> Iterator[_Problem]:
    for place in secrets:
        value: Any = tree
        for name in place:
            value = value.get(name) if isinstance(value, Mapping) else None
        # Keys that are many, and taken back one by one, may stand there.
        if value is not None and not isinstance(value, list):
            variable = PREFIX + _NESTED.join(place).upper()
            advice = f"set {variable}, or name a file in {_path(place)}_file"
            text = f"{_path(place)}: a secret does not belong in this file; {advice}"
            line = _line(lines, place)
            yield _Problem(line, f"{file}:{line}: {text}")


def _words(details: ErrorDetails, group: tuple[str, ...], groups: Groups, *, hidden: bool) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown(group[-1], group[:-1], groups)
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        return str(context["error"])
    shown = repr(details["input"])
    if isinstance(details["input"], Mapping | Sequence) and not isinstance(details["input"], str):
        shown = "a list" if isinstance(details["input"], Sequence) else "a group of settings"
    elif hidden:
        shown = "what is written"
    elif len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    words = _WORDS.get(details["type"])
    if words is None:
        return f"{shown} can not be used ({details['msg']}); write another value"
    return words.format(value="an empty value" if details["input"] is None else shown, **context)


def _unknown(name: str, group: tuple[str, ...], groups: Groups) -> str:
    known = groups.get(group, [])
    if near := get_close_matches(name, known, n=1):
        return f"there is no such setting; did you mean {near[0]!r}?"
    elsewhere = [".".join((*place, name)) for place, names in groups.items() if name in names]
    if elsewhere:
        return f"there is no such setting here; did you mean {elsewhere[0]!r}?"
    return f"there is no such setting; known here: {', '.join(known)}"


def _misspelt_variables(groups: Groups) -> list[_Problem]:
    """Find variables that look like ours and would otherwise be passed over in silence."""
    top = [name.upper() for name in groups[()]]
    known = {
        _NESTED.join((*group, name)).upper()
        for group, names in groups.items()
        if len(group) <= 1
        for name in names
    }
    problems = []
    for variable in map(str.upper, os.environ):
        name = variable.removeprefix(PREFIX)
        nested = _NESTED in name
        if not variable.startswith(PREFIX) or variable == PROJECT_VARIABLE or name in known:
            continue
        if nested and name.split(_NESTED)[0] in top:
            continue  # It is part of what is validated.
        near = get_close_matches(name, known, n=1, cutoff=_MISSPELT)
        if near or nested:
            advice = f"did you mean {PREFIX}{near[0]}?" if near else f"known: {', '.join(top)}"
            text = f"{variable}: there is no such setting; {advice}"
            problems.append(_Problem(float("inf"), text))
    return problems


def _variable(location: Location, variables: Mapping[str, Any]) -> str | None:
    """Return the name of the variable that a value came from, if it came from one."""
    value: Any = variables
    for part in location:
        if not isinstance(value, Mapping):
            break
        if part not in value:
            return None
        value = value[part]
    names = {name.upper() for name, text in os.environ.items() if text}
    for end in range(len(location), 0, -1):
        name = PREFIX + _NESTED.join(str(part) for part in location[:end]).upper()
        if name in names:
            return name
        if longer := sorted(each for each in names if each.startswith(name + _NESTED)):
            return longer[0]
    return None


def _line(lines: Mapping[Location, int], location: Location) -> int:
    """Return the line of a setting; of what holds it, where it is missing."""
    while location not in lines:
        location = location[:-1]
    return lines[location]


def _path(location: Location) -> str:
    """Write a location as `sources[0].topic`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
