"""What a newcomer gets to begin with: the templates, and the project that they fit in."""

from __future__ import annotations

from pathlib import Path

from journeystream.definitions import AudienceDefinition, JourneyDefinition, read_definitions

ROOT = Path(__file__).parents[1]
PROJECT_FILE = ROOT / "examples" / "journeystream.yaml"
AUDIENCES = sorted((ROOT / "examples" / "audiences").glob("*.yaml"))
TEMPLATES = sorted((ROOT / "journeystream" / "templates").glob("*.yaml"))


def template(id_: str) -> Path:
    """Return the file of a template."""
    return ROOT / "journeystream" / "templates" / f"{id_}.yaml"


def journey_in(path: Path) -> JourneyDefinition:
    """Return the one journey of a file."""
    (journey,) = (each for each in read_definitions(path) if isinstance(each, JourneyDefinition))
    return journey


def audiences_in(path: Path) -> list[AudienceDefinition]:
    """Return the audiences of a file."""
    return [each for each in read_definitions(path) if isinstance(each, AudienceDefinition)]
