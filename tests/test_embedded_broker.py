"""The embedded broker's life: starts that fail say why, and it never outlives its parent.

What it does as a Kafka is in test_broker_contract.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from journeystream.embedded_broker import EmbeddedBroker, free_port, port_is_free
from journeystream.errors import BrokerUnreachable
from tests.brokers.clients import new_topic, produce, read, text

# Starts a broker, tells its address, and waits to be killed.
HOLDER = """
import sys
from pathlib import Path
from journeystream.embedded_broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
broker.start()
print(broker.bootstrap, flush=True)
sys.stdin.read()
"""


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A start on a port that someone listens on fails and names the address."""
    with (
        EmbeddedBroker(tmp_path / "first") as first,
        pytest.raises(BrokerUnreachable, match=f"something listens on {first.bootstrap}"),
    ):
        EmbeddedBroker(tmp_path / "second", first.port).start()


def test_a_held_directory_is_named(tmp_path: Path) -> None:
    """A start in the directory of a running broker fails with the end of the log, no warning."""
    with EmbeddedBroker(tmp_path) as first:
        with pytest.raises(BrokerUnreachable) as refused:
            EmbeddedBroker(tmp_path).start()
        assert f"already running for {tmp_path}" in str(refused.value)
        assert "GLIBC" not in str(refused.value)
        # The first is as it was.
        produce(first.bootstrap, new_topic(first.bootstrap), [("key", "value")])


def test_start_and_stop_may_be_repeated(tmp_path: Path) -> None:
    """A second start or stop changes nothing, and the address stays over a stop."""
    port = free_port()
    broker = EmbeddedBroker(tmp_path, port)
    with broker:
        broker.start()
        topic = new_topic(broker.bootstrap)
    broker.stop()
    assert port_is_free(port)
    with broker:
        assert broker.bootstrap == f"127.0.0.1:{port}"
        assert read(broker.bootstrap, topic) == []
    assert port_is_free(port)


def test_broker_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """After a SIGKILL of its parent the broker saves and ends; the next start has the data."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    root, pipe = Path(__file__).parents[1], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=root) as parent:
        assert parent.stdout is not None
        bootstrap = parent.stdout.readline().decode().strip()
        topic = new_topic(bootstrap)
        produce(bootstrap, topic, [("key", "value")])
        parent.kill()
    with EmbeddedBroker(tmp_path) as next_one:
        assert [text(record) for record in read(next_one.bootstrap, topic)] == ["value"]
