"""The page of what descriptions ask for: its tests exist, its fragments are of the language."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from journeystream import cli
from tests.test_condition_text import read

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
TABLES = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
COLUMNS = 3
NOT_YET = "TODO("


def cells(line: str) -> list[str]:
    """Return the cells of a table's line."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    return [cell.strip() for cell in line[1:-1].split("|")]


def rows() -> list[list[str]]:
    """Return the rows of all tables, without their heads."""
    return [cells(line) for table in TABLES for line in table.splitlines()[2:]]


def fragments() -> list[str]:
    """Return what is written in backquotes in the middle of the rows that are shown."""
    shown = [row[1] for row in rows() if NOT_YET not in row[2]]
    return sorted({text for cell in shown for text in re.findall(r"`([^`]+)`", cell)})


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the tests of a file, those of classes too."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in nodes if isinstance(node, functions))


def properties_in(schema: object) -> Iterator[str]:
    """Yield the name of every property that a JSON Schema describes, however deep."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from properties_in(part)


def known_names() -> set[str]:
    """Return every field of definitions and of the project file."""
    schemas = [ROOT / "schemas" / f"{name}.schema.json" for name in ("definition", "project")]
    return {
        name
        for schema in schemas
        for name in properties_in(json.loads(schema.read_text(encoding="utf-8")))
    }


def test_each_table_is_whole() -> None:
    """Each description has a table of three columns, and no cell is empty."""
    assert len(TABLES) == len(re.findall(r"^## Description \d", PAGE, re.MULTILINE))
    for table in TABLES:
        lines = [cells(line) for line in table.splitlines()]
        assert lines[:2] == [["feature", "here", "shown by"], ["---"] * COLUMNS]
        assert [line for line in lines if len(line) != COLUMNS or not all(line)] == []


def test_each_row_has_a_test_or_a_reason() -> None:
    """A feature is shown by one test, or the row says why it is not here."""
    test = r"`tests/[a-z_/]+\.py::test_[a-z0-9_]+`"
    answer = re.compile(rf"{test}|not here: .+")
    assert [row for row in rows() if not answer.fullmatch(row[2])] == []


def test_each_test_that_is_named_exists() -> None:
    """Whoever looks a test up finds it."""
    named = set(re.findall(r"(tests/[\w/]+\.py)::(\w+)", PAGE))
    assert named
    assert [each for each in named if each[1] not in names_in(each[0])] == []


def test_no_feature_is_told_twice() -> None:
    """In a table each feature has one row."""
    for table in TABLES:
        told = [cells(line)[0] for line in table.splitlines()]
        assert len(set(told)) == len(told)


@pytest.mark.parametrize("fragment", [each for each in fragments() if each.startswith("{")])
def test_each_condition_can_be_read(fragment: str) -> None:
    """A fragment in braces is a condition."""
    read(YAML(typ="safe").load(fragment))


@pytest.mark.parametrize("fragment", [each for each in fragments() if re.match(r"\w+: ", each)])
def test_each_field_is_known(fragment: str) -> None:
    """A fragment names fields of a definition or of the project file."""
    written: dict[str, Any] = YAML(typ="safe").load(fragment)
    assert written.keys() <= known_names()


def test_commands_and_files_exist() -> None:
    """Each command is one of the command line's, and each file is there."""
    commands = {command.name for command in cli.app_for(()).registered_commands}
    named = {each.split()[1] for each in fragments() if each.startswith("journeystream ")}
    assert named
    assert named <= commands
    files = [each for each in fragments() if each.endswith(".yaml")]
    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []
