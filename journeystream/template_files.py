"""The journeys to begin with that come with us, as files and read."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from journeystream.definitions import JourneyDefinition, parse_definition
from journeystream.yaml_text import documents

_ENDING = ".yaml"


@cache
def templates() -> dict[str, JourneyDefinition]:
    """Return id -> journey, in the order of the ids; a file may define audiences beside it."""
    return {id_: _journey(file.name, template_text(id_)) for id_, file in _files().items()}


def template_text(id_: str) -> str:
    """Return a template's file."""
    return _files()[id_].read_text(encoding="utf-8")


def _files() -> dict[str, Traversable]:
    """Return id -> file; a file is named like the journey in it."""
    folder = resources.files("journeystream") / "templates"
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(_ENDING)}
    return {name.removesuffix(_ENDING): found[name] for name in sorted(found)}


def _journey(name: str, text: str) -> JourneyDefinition:
    read = (parse_definition(each, name) for each in documents(text))
    return next(each for each in read if isinstance(each, JourneyDefinition))
