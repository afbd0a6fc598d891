"""The short form of the torture: every kind of blow once, every step of the commit once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.integration.world import World
from tests.torture.plan import AT_LEAST_ONCE, EXACTLY_ONCE, Commit, Wanted
from tests.torture.torture import torture

SEED = 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("commit", [EXACTLY_ONCE, AT_LEAST_ONCE], ids=lambda each: each.guarantee)
def test_whatever_befalls_the_workers_can_not_be_seen(
    commit: Commit, kafka_broker: Broker, tmp_path: Path
) -> None:
    """Kills in every step, a zombie, moves, a broker restart: all is as if nothing had been, but
    for repeats where nothing more is promised."""  # noqa: D205, D209  one sentence
    # The embedded broker forgets producers when it restarts, and groups do not settle on it.
    moving = kafka_broker.full
    wanted = Wanted(
        kills=2,
        crashes=len(commit.steps),
        zombies=int(moving),
        broker_restarts=int(kafka_broker.ours and moving),
        most_workers=2 if moving else 1,
        longest_pause=1.0,
        commit=commit,
    )
    report = torture(World(tmp_path, kafka_broker.bootstrap), kafka_broker, SEED, 20_000, wanted)
    assert not report.verdict.differences, (SEED, report.verdict.differences[:5])
    assert report.verdict.outputs > 5_000, "the load yields too little to compare"
    assert (report.verdict.repeated > 0) == commit.repeats
    assert report.kills >= 6
    assert set(report.tally.crashes) == set(commit.steps)
    assert report.tally.zombies == int(moving)
    assert report.tally.frozen_in_commit == int(moving)
    assert report.tally.deleted >= 1
    assert report.broker_restarts == wanted.broker_restarts
    assert report.missed == []
