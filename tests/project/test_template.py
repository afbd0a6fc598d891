"""The template of a project file: it names every setting, and says the defaults."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from journeystream.ingest_settings import IngestSettings
from journeystream.project import (
    EventDestination,
    Kafka,
    Limits,
    ListDestination,
    Project,
    Source,
    State,
    load_project,
)
from journeystream.project_access import Api
from journeystream.project_template import TEMPLATE
from tests.project.files import SOURCE, Write


def settings_of(model: type[BaseModel], tree: dict[str, Any]) -> dict[str, Any]:
    """Return the part of `tree` that should equal the defaults of `model`."""
    return {
        name: tree[name]
        for name, field in model.model_fields.items()
        if not field.is_required() and name != "attributes"
    }


TEMPLATE_TREE: dict[str, Any] = YAML(typ="safe", pure=True).load(TEMPLATE)
TEMPLATE_PARTS = [
    (Source, TEMPLATE_TREE["sources"][0]),
    (EventDestination, TEMPLATE_TREE["destinations"][0]),
    (ListDestination, TEMPLATE_TREE["destinations"][1]),
    (Api, TEMPLATE_TREE["api"]),
    (Kafka, TEMPLATE_TREE["kafka"]),
    (State, TEMPLATE_TREE["state"]),
    (Limits, TEMPLATE_TREE["limits"]),
    (IngestSettings, TEMPLATE_TREE["ingest"]),
]


def test_the_template_loads(write: Write) -> None:
    """What `journeystream init` writes is a project without any change."""
    write(TEMPLATE)
    project = load_project()
    assert [source.topic for source in project.sources] == ["events"]
    assert [(each.type, each.name) for each in project.destinations] == [
        ("event", "email"),
        ("list", "ads"),
    ]


@pytest.mark.parametrize(("model", "part"), [(Project, TEMPLATE_TREE), *TEMPLATE_PARTS])
def test_the_template_names_every_setting(model: type[BaseModel], part: dict[str, Any]) -> None:
    """No setting can only be found in the code."""
    assert set(part) == set(model.model_fields)


@pytest.mark.parametrize(("model", "part"), TEMPLATE_PARTS)
def test_the_template_shows_the_defaults(model: type[BaseModel], part: dict[str, Any]) -> None:
    """A setting that is deleted from the template keeps the value that stood there."""
    required = {name: part[name] for name, each in model.model_fields.items() if each.is_required()}
    assert settings_of(model, model(**part).model_dump()) == settings_of(
        model, model(**required).model_dump()
    )


def test_the_template_shows_the_defaults_at_the_top(write: Write) -> None:
    """A project with nothing but a source has the settings that the template shows."""
    write(TEMPLATE)
    shown = load_project()
    write(SOURCE)
    bare = load_project()
    assert bare.model_dump(exclude={"destinations"}) == shown.model_dump(exclude={"destinations"})
    assert bare.destinations == []
