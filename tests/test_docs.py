"""What the documents say is so: files exist, blocks are valid, commands run."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from journeystream import cli
from journeystream.definitions import AudienceDefinition, JourneyDefinition, parse_definition
from journeystream.keys import make_key
from journeystream.project import Limits, Project
from journeystream.publishing import check, workshop_of
from journeystream.rehearsal import rehearse
from journeystream.validation import Known, validate_journey
from journeystream.yaml_text import documents

ROOT = Path(__file__).parents[1]
PACKAGE = Path(str(resources.files("journeystream")))
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


def _blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document: Path) -> None:
    """A path in backquotes or a link leads to a file of the project."""
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_/]+\.(?:py|md|json|yml|toml))`", text))
    named |= {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    named |= set(re.findall(r"→ ((?:agents/)?[a-z_]+\.py)", text))
    missing = [
        name
        for name in named
        if not any((base / name).exists() for base in (ROOT, PACKAGE, document.parent))
    ]
    assert not missing


def test_the_first_journey_is_valid_and_its_examples_hold() -> None:
    """The README's journey can be published as it stands, and does what the page says."""
    [block] = _blocks(ROOT / "README.md", "yaml")
    journey = parse_definition(YAML(typ="safe").load(block), "README")
    assert isinstance(journey, JourneyDefinition)
    assert validate_journey(journey, Known({"email"}, {}, Limits())) == []
    project = Project.model_validate({"sources": [{"topic": "events"}]})
    assert rehearse(journey, workshop_of(project)) == []
    assert len(block.strip().splitlines()) <= 20
    [message] = _blocks(ROOT / "README.md", "json")
    key = make_key(journey.id, journey.name, "remind", "remind", 255)
    assert json.loads(message)["properties"] == {key: "true"}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b, id=f"{d.stem}-{n}")
        for d in DOCUMENTS
        for n, b in enumerate(_blocks(d, "yaml journey"))
    ],
)
def test_journeys_in_documents_are_right_and_their_examples_hold(block: str) -> None:
    """Each block of definitions can be published as it stands, and does what it says."""
    read = [parse_definition(each, "a document") for each in documents(block)]
    audiences = {each.id: each.condition for each in read if isinstance(each, AudienceDefinition)}
    journeys = {each.id: each for each in read if isinstance(each, JourneyDefinition)}
    for each in read:
        assert check(each, audiences, None, journeys) == []


@pytest.mark.parametrize("block", _blocks(ROOT / "docs" / "operating.md", "yaml project"))
def test_projects_in_documents_load(block: str) -> None:
    """Each project file that a document shows is right as it stands."""
    Project.model_validate(YAML(typ="safe").load(block))


def test_every_command_is_in_the_readme() -> None:
    """A newcomer finds each command on the first page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = {command.name for command in cli.app_for(()).registered_commands}
    names |= {group.name for group in cli.app_for(()).registered_groups}
    assert names
    for name in names:
        assert re.search(rf"journeystream {name}\b|`{name} ID`|make {name}\b", readme), name


def test_every_dead_letter_code_is_in_the_rules() -> None:
    """Whoever reads a dead letter finds its code."""
    files = ("decode", "fields", "handing_over", "intake", "notes", "partition")
    sources = [PACKAGE / "agents" / f"{file}.py" for file in files]
    rules = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    codes = {
        code
        for source in sources
        for code in re.findall(
            r'(?:RejectedEvent\(\s*|ENGINE_FAILED = )"([a-z_]+)"',
            source.read_text(encoding="utf-8"),
        )
    }
    assert len(codes) > 10
    assert [code for code in codes if f"`{code}`" not in rules] == []
