"""Any lines as the control topic's records: the key, a tab, the value (without a tab: no key).

Law: whoever reads the topic ends with journeys, or with OperatorError, which says what to do;
nothing else stops a worker, and what is compiled can be asked about events.
"""

from __future__ import annotations

from collections.abc import Sequence

from journeystream.control_log import Published
from journeystream.engine import Rules
from journeystream.errors import OperatorError
from journeystream.events import Event
from journeystream.publishing import workshop_of
from journeystream.state.memory import MemoryStore
from journeystream.turn import take_turn
from tests.fuzz.published import control_records, project
from tests.fuzz.target import Target
from tests.fuzz.telling import says_what_to_do
from tests.strategies import START


def holds(data: bytes) -> None:
    """Read the records to the end, and compile what they say."""
    published = Published()
    try:
        for line in data.split(b"\n"):
            key, tab, value = line.rpartition(b"\t")
            published.apply(key if tab else None, value)
        journeys = published.compiled(workshop_of(project()))
    except OperatorError as error:
        says_what_to_do(error)
        return
    for (id_, version), each in published.versions.items():
        assert (each.definition.id, each.version) == (id_, version)
        assert isinstance(each.published_at, int)
    # A definition that nobody checked may fail for its user, as any bug: not for the worker.
    events = [Event("u1", each.kind, each.name, START) for each in journeys.predicates.values()]
    take_turn(events, START, MemoryStore(), Rules(journeys), until=START)


def seeds() -> Sequence[bytes]:
    """Return the records of the examples, all and few."""
    lines = [key + b"\t" + value for key, value in control_records()]
    return [b"\n".join(lines), b"\n".join(lines[:3]), *lines]


TARGET = Target("control_topic", "the control topic is read or refused", holds, seeds)
