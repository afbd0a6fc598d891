"""How long a broker lets a fetch wait: briefly while events come, since others wait meanwhile."""

from __future__ import annotations

import random

import pytest
from aiokafka.consumer.fetcher import Fetcher

from journeystream.agents.fetch_wait import BUSY, DENSE, QUIET, Pace, Wait


@pytest.mark.parametrize(
    ("fetches", "waits"),
    [
        ([(0.0, 0), (0.5, 0)], [QUIET, QUIET]),
        ([(0.0, 1), (1.9, 0), (0.2, 0)], [BUSY, BUSY, QUIET]),
        ([(0.0, 1), (0.3, 1), (1.9, 0)], [BUSY, BUSY, BUSY]),
        ([(0.0, 10_000), (0.01, 0), (1.9, 1), (2.1, 0)], [DENSE, DENSE, BUSY, QUIET]),
    ],
)
def test_how_long_brokers_wait_and_for_how_much(
    fetches: list[tuple[float, int]], waits: list[Wait]
) -> None:
    """Long where nothing came for two seconds, else briefly; after many events for more of them."""
    pace, now, found = Pace(), 100.0, []
    for passed, events in fetches:
        now += passed
        found.append(pace.wait(now, events))
    assert found == waits


@pytest.mark.parametrize(
    ("rate", "wanted"), [(70, BUSY), (120, BUSY), (400, DENSE), (5_000, DENSE)]
)
def test_chance_does_not_make_a_rate(rate: int, wanted: Wait) -> None:
    """Events that come at random are collected where they are many a second, and only there,
    however close two of them come upon each other."""  # noqa: D205, D209  one sentence
    chance = random.Random(2026)  # noqa: S311  no secret
    pace, now, wait, found = Pace(), 0.0, BUSY, []
    event = chance.expovariate(rate)
    for _ in range(2_000):
        # What a broker does: it collects so long, or answers with the first.
        now = now + wait.ms / 1_000 if wait is DENSE else max(now + 0.001, event)
        fetched = 0
        while event <= now:
            fetched += 1
            event += chance.expovariate(rate)
        wait = pace.wait(now, fetched)
        found.append(wait)
    assert set(found[500:]) == {wanted}


@pytest.mark.parametrize("setting", ["_fetch_max_wait_ms", "_fetch_min_bytes"])
def test_the_fetcher_asks_with_what_is_set(setting: str) -> None:
    """Aiokafka keeps both where we set them, and reads them there for each request."""
    readers = [
        name
        for name, method in vars(Fetcher).items()
        if setting in getattr(getattr(method, "__code__", None), "co_names", ())
    ]
    assert sorted(readers) == ["__init__", "_get_actions_per_node"]
