"""Any text as a file of journeys and audiences.

Law: whatever the file holds, `journeystream validate` tells problems, each with a path, what
is wrong and what to do, in text that can be printed and written as JSON. What it finds
nothing wrong with can be published, read back and compiled, and events can walk it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from tempfile import gettempdir

import orjson

from journeystream.commands.checking import Checked, check_files
from journeystream.control_log import Published
from journeystream.definitions import Definition
from journeystream.engine import Rules
from journeystream.errors import CommandRefused
from journeystream.events import Event
from journeystream.journeys import Journeys
from journeystream.project import Project
from journeystream.publishing import publish, workshop_of
from tests.faulty_journeys import OTHER, SENT, WAIT, Written, split, written
from tests.fuzz.own_file import own_file
from tests.fuzz.published import EXAMPLE_FILES, QUESTIONS
from tests.fuzz.target import Target
from tests.playing import Partition
from tests.strategies import DAY, HOUR, START

PROJECT = Project.model_validate(
    {
        "sources": [{"topic": "events"}],
        "destinations": [
            {"type": "list", "name": name, "topic": name, "attributes": {"plan": "entry.plan"}}
            for name in ("email", "in_app", "support", "crm", "facebook_ads", "google_ads")
        ],
    },
    context={"directory": gettempdir()},
)
_MOST_EVENTS = 30
STEPS: tuple[list[Written], ...] = (
    [WAIT, {**SENT, "key": "k", "destinations": ["email", {"name": "crm", "attributes": {}}]}],
    [split(), SENT, OTHER],
    [{**WAIT, "next": "sent"}, {**SENT, "next": "wait"}],
    [
        {
            "id": "wait",
            "type": "wait_for_condition",
            "condition": {"event": "b", "since": "step"},
            "next": "sent",
            "timeout": {"after": "1 day", "next": "out"},
        },
        SENT,
        {"id": "out", "type": "exit", "name": "Out"},
    ],
    [
        {
            "id": "split",
            "type": "multi_branch_split",
            "branches": [
                {"name": "one", "condition": {"event": "b"}, "next": "sent"},
                {"name": "two", "condition": {"trait": "plan", "equals": "pro"}, "next": "other"},
            ],
            "timeout": {"after": "2 days", "next": "other"},
        },
        SENT,
        OTHER,
    ],
)
ANCHORS = b"""id: j
name: Journey
entry: {condition: &a {event: a, where: {n: {at_least: 1}}}}
exits: [{name: out, condition: {all: [*a, {event: b, since: entry}]}}]
steps:
  - &s {id: sent, type: send_to_destinations, destinations: [email], next: other}
  - {<<: *s, id: other, next: null}
"""


def holds(data: bytes) -> None:
    """Check the file as the command does; publish and walk what is well."""
    with own_file(data) as file:
        checked = check_files([file], {}, PROJECT)
    assert checked
    for each in checked:
        _is_told(each)
    if all(each.ok for each in checked):
        _walks([each.definition for each in checked if each.definition is not None])


def _is_told(checked: Checked) -> None:
    assert checked.told().encode()
    orjson.dumps(checked.as_json())
    for problem in checked.problems:
        assert problem.path
        assert problem.message
        assert problem.advice


def _walks(files: list[Definition]) -> None:
    published = Published()
    try:
        publications = publish(files, published, PROJECT, START)
    except CommandRefused:
        return  # two journeys that wish for the same key
    for publication in publications:
        for key, value in publication.records:
            published.apply(key, value)
    journeys = published.compiled(workshop_of(PROJECT))
    partition = Partition(Rules(journeys))
    partition.take(list(_events(journeys)))
    partition.take([], until=START + 400 * DAY)
    partition.stored()


def _events(journeys: Journeys) -> Iterator[Event]:
    """Yield events that the journeys ask for, by name and by value."""
    values: dict[str, object] = {"plan": "pro", "score": 2, "n": 1, "total": 150, "tags": ["a"]}
    asked = sorted((each.kind, each.name) for each in journeys.predicates.values())
    for index, (kind, name) in enumerate([("identify", ""), *asked, *asked][:_MOST_EVENTS]):
        yield Event("u1", kind, name, START + index * HOUR, values, {"page": {"path": "/"}})


def seeds() -> Sequence[bytes]:
    """Return a small journey around each step and each question, and some files as they are."""
    journeys = [orjson.dumps(written(steps=steps)) for steps in STEPS]
    journeys += [orjson.dumps(written(entry={"condition": each})) for each in QUESTIONS]
    example = {
        "name": "goes through",
        "events": [{"event": "a"}, {"at": "1 day", "traits": {"plan": "pro"}, "user": "u2"}],
        "until": "2 days",
        "expect": [{"at": "1 day", "enters": "sent"}],
    }
    journeys.append(orjson.dumps(written(examples=[example], max_duration="1 month")))
    asking = orjson.dumps(written(entry={"condition": {"audience": "big"}, "next": "wait"}))
    big = orjson.dumps(
        {"kind": "audience", "id": "big", "name": "Big", "condition": {"trait": "n", "equals": 1}}
    )
    smallest = sorted((file.read_bytes() for file in EXAMPLE_FILES), key=len)[:2]
    return [*journeys, b"\n---\n".join((big, asking)), ANCHORS, *smallest]


TARGET = Target(
    "definitions", "a file is told what is wrong, or walks", holds, seeds, separator=b"\n---\n"
)
