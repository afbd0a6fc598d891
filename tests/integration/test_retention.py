"""Events that retention deletes before a worker had them are missed, and never in silence."""

from __future__ import annotations

import re

import pytest

from journeystream.agents.home import home_of
from tests.integration.conftest import MakeWorld
from tests.integration.world import PARTITIONS, World

HELLO = """\
id: hello
name: Hello
entry: {condition: {event: Signed Up}}
steps: [{id: greet, type: send_to_destinations, destinations: [email]}]
"""
HOME = home_of(b"u1", PARTITIONS)
EVENTS, LEFT = 400, 10
_GONE = re.compile(r"records (\d+) to (\d+) are gone from the topic")


def greet(world: World, count: int) -> None:
    """Let someone sign up so many times."""
    world.produce({"type": "track", "event": "Signed Up", "userId": "u1"} for _ in range(count))


@pytest.mark.usefixtures("refusing_topics")
@pytest.mark.parametrize("at_work", [True, False], ids=["a worker at work", "a worker that starts"])
def test_what_retention_took_is_told(make_world: MakeWorld, *, at_work: bool) -> None:
    """Which records are gone is an error in the log, whether the worker ran meanwhile or not, and
    what is left is applied."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(HELLO)
    with world.worker() as worker:
        greet(world, 1)
        world.settle()
        if at_work:
            worker.freeze()
            greet(world, 1)  # the answer to the fetch that was under way
            greet(world, EVENTS - 1)
            world.cut_off(world.source, HOME, 1 + EVENTS - LEFT)
            worker.thaw()
            world.settle()
    if not at_work:
        greet(world, EVENTS)
        world.cut_off(world.source, HOME, 1 + EVENTS - LEFT)
        with world.worker():
            world.settle()
    [gone] = _GONE.findall(worker.log)
    assert int(gone[1]) == EVENTS - LEFT
