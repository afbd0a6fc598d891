"""Apache Kafka in Docker, where an engine runs.

testcontainers' own KafkaContainer starts Confluent's image by scripts that Apache's image does
not have; so this is its plain container with the settings of all test brokers.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from testcontainers.core.container import DockerContainer

from journeystream.embedded_broker import free_port
from tests.brokers.broker import Broker, BrokerMissingError, wait_until_ready
from tests.brokers.settings import BROKER_SETTINGS, KAFKA_IMAGE, as_environment

INFO_SECONDS = 5


class DockerBroker:
    """One container of Apache Kafka; its data lives as long as the container."""

    name = f"{KAFKA_IMAGE} in Docker"
    ours = True
    full = True

    def __init__(self) -> None:
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        listeners = {
            "node.id": "1",
            "controller.quorum.voters": "1@localhost:9093",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://:{self.port},CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }
        environment = as_environment({**BROKER_SETTINGS, **listeners})
        self._container = DockerContainer(KAFKA_IMAGE, env=environment)
        # Docker takes a pair for a port on one address; testcontainers' type knows numbers only.
        cast("dict[str, Any]", self._container.ports)[f"{self.port}/tcp"] = ("127.0.0.1", self.port)

    def create(self) -> None:
        """Create the container and return when the broker answers."""
        self._container.start()
        self._wait()

    def start(self) -> None:
        """Start the container again."""
        self._container.get_wrapped_container().start()
        self._wait()

    def restart(self) -> None:
        """Stop the broker in good order and start it on the same data and port."""
        self._container.get_wrapped_container().stop(timeout=30)
        self.start()

    def kill(self) -> None:
        """End the broker by SIGKILL."""
        container = self._container.get_wrapped_container()
        container.kill()
        container.wait(timeout=30)

    def freeze(self) -> None:
        """Let it stand still, connections open."""
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        """Let it go on."""
        self._container.get_wrapped_container().unpause()

    def remove(self) -> None:
        """End the broker and forget its data."""
        self._container.stop()

    def _wait(self) -> None:
        container = self._container.get_wrapped_container()

        def alive() -> bool:
            container.reload()
            return container.status in {"created", "running"}

        if not wait_until_ready(self.bootstrap, 90, alive):
            told = container.logs(tail=15).decode(errors="replace")
            raise BrokerMissingError(f"{KAFKA_IMAGE} does not answer on {self.bootstrap}:\n{told}")


@contextmanager
def docker_broker() -> Iterator[Broker]:
    """Run Apache Kafka in a container of its own, or raise BrokerMissingError."""
    _require_engine()
    broker = DockerBroker()
    try:
        try:
            broker.create()
        except OSError as error:
            # The engine's refusals are among these, such as that it can not get the image.
            raise BrokerMissingError(f"Docker can not run {KAFKA_IMAGE}: {error}") from error
        yield broker
    finally:
        broker.remove()


def _require_engine() -> None:
    docker = shutil.which("docker")
    if docker is None:
        raise BrokerMissingError("no docker")
    try:
        subprocess.run([docker, "info"], capture_output=True, check=True, timeout=INFO_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise BrokerMissingError("no Docker engine") from error
