"""Explaining what was published and played: a control topic in memory, a partition, a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from journeystream.commands.explanation_lines import lines_of
from journeystream.control_log import Head, Published, PublishedVersion
from journeystream.definitions import (
    AudienceDefinition,
    Definition,
    JourneyDefinition,
    parse_definition,
    read_definitions,
)
from journeystream.durations import MICROS
from journeystream.engine import Rules
from journeystream.events import Message
from journeystream.explaining import Explainer
from journeystream.explanation import Explanation, JourneyExplanation
from journeystream.journeys import Floors
from journeystream.keys import keys_of
from journeystream.lifecycle import State
from journeystream.project import Project
from journeystream.publishing import publish, workshop_of
from tests.playing import Partition
from tests.publishing_world import PROJECT, World
from tests.strategies import START
from tests.strategies.small_journeys import AUDIENCES


def drawn(*journeys: JourneyDefinition) -> Published:
    """Publish journeys that were drawn, and the audiences that such ones may name."""
    audiences: dict[str, Mapping[str, Any]] = {
        id_: {"kind": "audience", "id": id_, "name": id_, "condition": condition}
        for id_, condition in AUDIENCES.items()
    }
    read = {id_: parse_definition(each, "drawn") for id_, each in audiences.items()}
    return Published(
        versions={
            (each.id, 1): PublishedVersion(each, 1, keys_of(each, {}, 255), START)
            for each in journeys
        },
        heads={each.id: Head(State.LIVE, 1) for each in journeys},
        audiences={id_: each for id_, each in read.items() if isinstance(each, AudienceDefinition)},
    )


def shipped(project: Project, *files: Path) -> Published:
    """Publish files of ours."""
    published = Published()
    definitions: list[Definition] = [each for file in files for each in read_definitions(file)]
    for publication in publish(definitions, published, project, START):
        for key, value in publication.records:
            published.apply(key, value)
    return published


class Stage:
    """One partition of a project, which knows everything that is published from the start on."""

    def __init__(self, published: Published, project: Project = PROJECT) -> None:
        self.explainer = Explainer(published, workshop_of(project))
        self.floors = Floors(dict.fromkeys(published.versions, START - 1))
        self.partition = Partition(Rules(self.explainer.journeys, self.floors))

    def play(self, *log: Message, until: int | None = None) -> None:
        """Apply a log, then let time pass."""
        self.partition.take(log, until=until)

    def explain(self, user: str, now: int, journey: str | None = None) -> Explanation:
        """Explain a user as they are stored."""
        record = self.partition.store.load([user]).get(user)
        return self.explainer.explain(user, record, now, self.floors, journey)

    def told(self, user: str, now: int, journey: str | None = None) -> Sequence[str]:
        """Explain a user for people."""
        return list(lines_of(self.explain(user, now, journey)))


def explained(world: World, id_: str, at: float, user: str = "u1") -> JourneyExplanation:
    """Explain one journey in a world, at a second."""
    record = world.store.load([user]).get(user)
    explainer = Explainer(world.published, workshop_of(PROJECT))
    now = START + round(at * MICROS)
    told = explainer.explain(user, record, now, Floors(world.floors), id_)
    return told.journeys[0]


def reasons(explained: JourneyExplanation) -> set[str]:
    """Return why the user does not enter."""
    return {obstacle.reason for obstacle in explained.obstacles}
