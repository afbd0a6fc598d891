"""A group whose leader did not see the topics when it shared them out."""

from __future__ import annotations

import pytest

from tests.integration.conftest import MakeWorld
from tests.integration.waiting import wait_until
from tests.integration.world import Worker

_PATIENCE = 40.0  # seconds; it was five minutes


@pytest.mark.timeout(150)
def test_partitions_come_as_soon_as_the_broker_knows_its_topics(make_world: MakeWorld) -> None:
    """Whoever led the group while the topics were missing shares them out again by itself."""
    world = make_world()
    worker = Worker(world, "worker-1", program="tests.integration.blind_leader")
    try:
        wait_until(lambda: "Ignoring missing topic" in worker.log, "the leader to see no topics")
        wait_until(worker.holds_all, "the partitions", _PATIENCE)
    finally:
        worker.kill()
