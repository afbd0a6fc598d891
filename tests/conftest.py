"""The broker that the tests of one session share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

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
from tests.parts import PARTS, part_of  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--part`: one of the parts that `python -m tests` runs side by side."""
    parser.addoption("--part", choices=PARTS, help="run only this part of the tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other parts."""
    wanted = config.getoption("--part")
    if wanted is None:
        return
    here = Path(__file__).parent
    chosen = [item for item in items if part_of(item, item.path.relative_to(here).parts) == wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Run the best broker that can be had here, from the first test that needs one."""
    plugins = request.config.pluginmanager
    terminal = plugins.get_plugin("terminalreporter")
    capture = plugins.get_plugin("capturemanager")

    def tell(line: str) -> None:
        # Past the capture, which shows what a fixture prints only when a test fails.
        # A worker of pytest-xdist has no terminal.
        if terminal is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                # In the middle of a line of dots.
                terminal.write(f"\n{line}\n")

    with choose_broker(tell) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka(kafka_broker: Broker) -> str:
    """Return the address of the session's broker."""
    return kafka_broker.bootstrap
