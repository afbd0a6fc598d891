"""How long a broker lets a fetch wait: briefly while events come, since others wait meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.consumer.fetcher import Fetcher

from journeystream.agents import batch_transport
from journeystream.agents.batch_transport import BatchConsumerThread

BRINGS, EMPTY = True, False
QUIET, BUSY, DENSE = (500, 1), (25, 1), (10, 65_536)


@pytest.mark.parametrize(
    ("fetches", "waits"),
    [
        ([(0.0, EMPTY), (0.5, EMPTY)], [QUIET, QUIET]),
        ([(0.0, BRINGS), (1.9, EMPTY), (0.2, EMPTY)], [BUSY, BUSY, QUIET]),
        ([(0.0, BRINGS), (0.3, BRINGS), (1.9, EMPTY)], [BUSY, BUSY, BUSY]),
        ([(0.0, BRINGS), (0.011, BRINGS), (0.011, BRINGS)], [BUSY, DENSE, DENSE]),
        ([(0.0, BRINGS), (0.011, BRINGS), (0.01, EMPTY)], [BUSY, DENSE, BUSY]),
    ],
)
def test_how_long_brokers_wait_and_for_how_much(
    monkeypatch: pytest.MonkeyPatch,
    fetches: list[tuple[float, bool]],
    waits: list[tuple[int, int]],
) -> None:
    """Long where nothing came for two seconds, else briefly; where events come close upon each
    other, for more of them."""  # noqa: D205, D209  one sentence
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(batch_transport, "time", SimpleNamespace(monotonic=lambda: clock.now))
    thread = cast("Any", BatchConsumerThread.__new__(BatchConsumerThread))
    thread._brought = float("-inf")
    fetcher = SimpleNamespace(_fetch_max_wait_ms=None, _fetch_min_bytes=None)
    found = []
    for passed, brings in fetches:
        clock.now += passed
        thread._set_wait(SimpleNamespace(_fetcher=fetcher), busy=brings)
        found.append((fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes))
    assert found == waits


@pytest.mark.parametrize("setting", ["_fetch_max_wait_ms", "_fetch_min_bytes"])
def test_the_fetcher_asks_with_what_is_set(setting: str) -> None:
    """Aiokafka keeps both where we set them, and reads them there for each request."""
    readers = [
        name
        for name, method in vars(Fetcher).items()
        if setting in getattr(getattr(method, "__code__", None), "co_names", ())
    ]
    assert sorted(readers) == ["__init__", "_get_actions_per_node"]
