"""Events that retention deletes before a worker had them are missed, and never in silence."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.hello import HELLO
from tests.integration.world import World

HOME = 1
EVENTS, LEFT = 60, 10  # few: a loss is told whatever its size
_GONE = re.compile(r"records (\d+) to (\d+) are gone from the topic")


def sign_up(world: World, *numbers: int) -> None:
    """Let users sign up, all of one partition."""
    for n in numbers:
        event = {"type": "track", "event": "Signed Up", "userId": f"u{n}"}
        world.produce_raw(json.dumps(event).encode(), f"u{n}", HOME)
    world.flush()


@pytest.mark.usefixtures("refusing_topics")
@pytest.mark.parametrize("at_work", [True, False], ids=["a worker at work", "a worker that starts"])
def test_what_retention_took_is_told(make_world: MakeWorld, *, at_work: bool) -> None:
    """Which records are gone is an error in the log, whether the worker ran meanwhile or not, and
    what is left is applied."""  # noqa: D205, D209  one sentence
    world = make_world()
    world.publish(HELLO)
    with world.worker() as worker:
        sign_up(world, 0)
        world.settle()
        if at_work:
            worker.freeze()
            sign_up(world, 1)  # the answer to the fetch that was under way
            sign_up(world, *range(2, EVENTS + 1))
            world.cut_off(world.source, HOME, 1 + EVENTS - LEFT)
            worker.thaw()
            world.settle()
    if not at_work:
        sign_up(world, *range(1, EVENTS + 1))
        world.cut_off(world.source, HOME, 1 + EVENTS - LEFT)
        with world.worker():
            world.settle()
    [gone] = _GONE.findall(worker.log)
    assert int(gone[1]) == EVENTS - LEFT
    left = {f"u{n}" for n in range(EVENTS - LEFT + 1, EVENTS + 1)}
    assert left <= {each.key for each in world.received("email")}
