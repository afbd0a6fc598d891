"""The verdict: everything that is not as it must be, one line each.

What the workers wrote is compared with the oracle, with a second count in plain Python, with
itself (ways, lists), and with their own states.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Message

from journeystream.definitions import JourneyDefinition, read_definitions
from journeystream.durations import iso
from journeystream.project import ListDestination, Project, load_project
from tests.integration.oracle import Outputs, actual_outputs, outputs_without_repeats
from tests.integration.world import World
from tests.torture import states, travel
from tests.torture.expectation import Expectation, expect
from tests.torture.load import END, Record
from tests.torture.plain_trial import Told, plain_trial

JOURNEYS = sorted((Path(__file__).parent / "journeys").glob("*.yaml"))
_TRIAL = "trial"


@dataclass
class Verdict:
    """What was compared, and how it differs."""

    differences: list[str] = field(default_factory=list)
    outputs: int = 0
    repeated: int = 0
    entered: int = 0
    list_members: int = 0
    users: int = 0
    dead_letters: int = 0


def judge(
    world: World, records: Sequence[Record], directories: list[Path], *, repeats: bool
) -> Verdict:
    """Compare everything; the workers have ended.

    Where outputs may come in `repeats`, they are what they are without those.
    """
    project = load_project(world.file)
    log = world.read(world.source)
    expected = expect(project, JOURNEYS, log)
    everything = actual_outputs(world)
    actual = outputs_without_repeats(world) if repeats else everything
    moves = [
        travel.read_move(topic, value)
        for (topic, _), values in actual.items()
        if topic not in _list_topics(project)
        for value in values
        if value is not None
    ]
    definitions = journeys()
    letters = world.read(project.dead_letter_topic)
    outputs = _count(actual)
    verdict = Verdict(
        outputs=outputs,
        repeated=_count(everything) - outputs,
        entered=sum(move.entered for move in moves),
        list_members=len(_members(actual, project)),
        users=len(expected.people),
        dead_letters=len(letters),
    )
    verdict.differences += chain(
        _load_differs(log, records),
        outputs_differ(actual, expected.outputs),
        _plain_trial_differs(log, moves),
        travel.faults(moves, definitions),
        _standing_differs(moves, expected, project),
        _lists_differ(actual, expected, project),
        _letters_differ(letters, expected, repeats=repeats),
        states.faults(
            project, world.bootstrap, directories, expected, [each.id for each in definitions]
        ),
    )
    return verdict


def _count(outputs: Outputs) -> int:
    return sum(map(len, outputs.values()))


def journeys() -> list[JourneyDefinition]:
    """Return the journeys that the load walks through."""
    definitions = chain.from_iterable(map(read_definitions, JOURNEYS))
    return [each for each in definitions if isinstance(each, JourneyDefinition)]


def _load_differs(log: Sequence[Message], records: Sequence[Record]) -> Iterator[str]:
    """Check the harness itself: per user, the log is what was made, in order."""
    made: dict[bytes, list[bytes]] = defaultdict(list)
    for record in records:
        made[record.user.encode()].append(record.value)
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for message in log:
        if (key := message.key()) is not None:
            found[key].append(message.value() or b"")
    for user in made.keys() | found.keys():
        if made[user] != found[user]:
            yield f"the harness: the log of {user!r} is not what was produced"


def outputs_differ(actual: Outputs, wanted: Outputs) -> Iterator[str]:
    """Yield each (topic, key) whose values are not the wanted ones, in order."""
    for topic, key in sorted(actual.keys() | wanted.keys()):
        found, due = actual.get((topic, key), []), wanted.get((topic, key), [])
        if found != due:
            more, lacking = Counter(found) - Counter(due), Counter(due) - Counter(found)
            how = "in another order" if not more and not lacking else ""
            how += f"{sum(more.values())} too many, e.g. {next(iter(more))!r}; " if more else ""
            how += f"{sum(lacking.values())} lost, e.g. {next(iter(lacking))!r}" if lacking else ""
            yield f"{topic}, {key!r}: {how}"


def _plain_trial_differs(log: Sequence[Message], moves: Sequence[travel.Move]) -> Iterator[str]:
    told: dict[str, list[Told]] = defaultdict(list)
    for move in moves:
        if move.journey == _TRIAL:
            change = "entered" if move.entered else "exited"
            told[move.user].append((move.user, change, move.step, iso(move.at)))
    wanted = plain_trial((message.value() or b"" for message in log), END)
    if not wanted:
        yield "the harness: the load has no trials"
    for user in sorted(told.keys() | wanted.keys()):
        if told.get(user, []) != wanted.get(user, []):
            yield f"trial of {user}: told {told.get(user)}, by plain count {wanted.get(user)}"


def _holds(expected: Expectation, project: Project, kind: str) -> set[tuple[str, str, str, str]]:
    """Return (topic, user, journey, step) of everyone who is owed an Exited, by their states."""
    topics = {each.name: each.topic for each in project.destinations if each.type == kind}
    return {
        (topics[name], user.id, instance.journey, position.hold.step)
        for user in expected.people.values()
        for instance in user.instances
        for position in instance.positions
        if position.hold is not None
        for name in position.hold.destinations
        if name in topics
    }


def _standing_differs(
    moves: Sequence[travel.Move], expected: Expectation, project: Project
) -> Iterator[str]:
    """Who was entered and not exited stands there, and nobody else does."""
    steps = {move.key: (move.journey, move.step) for move in moves}
    told = {(topic, user, *steps[key]) for topic, user, key in travel.open_memberships(moves)}
    for place in sorted(told ^ _holds(expected, project, "event")):
        yield f"{place}: by what was told {'in' if place in told else 'not in'}, by state not so"


def _lists_differ(actual: Outputs, expected: Expectation, project: Project) -> Iterator[str]:
    told = {
        (topic, member["userId"], *_place(member)) for topic, member in _members(actual, project)
    }
    for place in sorted(told ^ _holds(expected, project, "list")):
        yield f"{place}: {'on' if place in told else 'not on'} the list, by state not so"
    for (topic, key), values in actual.items():
        if topic in _list_topics(project):
            adds = [value is not None for value in values]
            if adds != [number % 2 == 0 for number in range(len(adds))]:
                yield f"{topic}, {key!r}: adds and removes do not alternate"


def _place(member: dict[str, Any]) -> tuple[str, str]:
    where = member["context"]["journey"]
    return where["id"], where["step"]


def _members(actual: Outputs, project: Project) -> list[tuple[str, dict[str, Any]]]:
    """Return the lists as whoever reads them from the start has them."""
    return [
        (topic, orjson.loads(values[-1]))
        for (topic, _), values in actual.items()
        if topic in _list_topics(project) and values[-1] is not None
    ]


def _list_topics(project: Project) -> set[str]:
    return {each.topic for each in project.destinations if isinstance(each, ListDestination)}


def _letters_differ(
    letters: Sequence[Message], expected: Expectation, *, repeats: bool
) -> Iterator[str]:
    """One dead letter for each record that is no event, but for `repeats`."""
    origins = [orjson.loads(letter.value() or b"")["origin"] for letter in letters]
    places = [(origin["partition"], origin["offset"]) for origin in origins]
    told = Counter(set(places) if repeats else places)
    for place in sorted(told.keys() | set(expected.junk)):
        if told[place] != (place in expected.junk):
            yield f"dead letters of {place}: {told[place]}"
