"""The broker that the tests of one session share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The same commit is tried on the same examples, or a run would say little about the next one.
# `--hypothesis-profile default` draws others, as `make fuzz` and `make simulate` do.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

# The broker lives for minutes: to compile its code thoroughly would take longer than that saves.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# A shell that runs the tests in the background has SIGINT ignored, and so would the commands
# that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("tests.broker_contract", "tests.brokers", "tests.dead_letters.post")

from tests.brokers import Broker, choose_broker  # noqa: E402 - after the rewrite is registered

_LONG = frozenset(("integration", "torture", "simulation", "test_linear_time.py"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes long: files are handed out in this order, to whoever is free."""
    items.sort(key=lambda item: _LONG.isdisjoint(item.path.parts))


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Run the best broker that can be had here, from the first test that needs one."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        # Past the capture, which shows what a fixture prints only when a test fails; and not to
        # the standard output, which those who run files side by side have no hold of.
        with capture.global_and_fixture_disabled():
            sys.stderr.write(f"\n{line}\n")  # in the middle of a line of dots

    with choose_broker(tell) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka(kafka_broker: Broker) -> str:
    """Return the address of the session's broker."""
    return kafka_broker.bootstrap
