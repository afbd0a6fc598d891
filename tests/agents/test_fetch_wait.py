"""How long a broker lets a fetch wait: briefly while events come, since others wait meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.consumer.fetcher import Fetcher

from journeystream.agents import batch_transport
from journeystream.agents.batch_transport import BatchConsumerThread


def test_brokers_wait_briefly_while_events_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fetch that brought events waits are short for two seconds; then they are long."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(batch_transport, "time", SimpleNamespace(monotonic=lambda: clock.now))
    thread = cast("Any", BatchConsumerThread.__new__(BatchConsumerThread))
    thread._busy_until = 0.0
    consumer = SimpleNamespace(_fetcher=SimpleNamespace(_fetch_max_wait_ms=None))
    waits = []
    for passed, busy in ((0.0, False), (0.0, True), (1.9, False), (0.2, False), (0.0, True)):
        clock.now += passed
        thread._set_wait(consumer, busy=busy)
        waits.append(consumer._fetcher._fetch_max_wait_ms)
    assert waits == [500, 25, 25, 500, 25]


def test_the_fetcher_asks_with_what_is_set() -> None:
    """Aiokafka keeps the wait where we set it, and reads it there for each request."""
    readers = [
        name
        for name, method in vars(Fetcher).items()
        if "_fetch_max_wait_ms" in getattr(getattr(method, "__code__", None), "co_names", ())
    ]
    assert sorted(readers) == ["__init__", "_get_actions_per_node"]
