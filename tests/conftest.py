"""The broker that the tests of one session share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

# A shell that runs the tests in the background has SIGINT ignored, and so would the commands
# that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("tests.broker_contract", "tests.brokers", "tests.dead_letters.post")

from tests.brokers import Broker, choose_broker  # noqa: E402 - after the rewrite is registered


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
