"""Apache Kafka on the local JDK: the real broker where there is no Docker engine.

Maven copies its jars once into the user's cache. Each run has its own directory and ports.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from journeystream.embedded_broker import ChildProcess, free_port
from tests.brokers.broker import Broker, BrokerMissingError, wait_until_ready
from tests.brokers.settings import KAFKA_VERSION, loopback_properties

HERE = Path(__file__).parent
OLDEST_JAVA = 17
# Any base64 of 16 bytes; it only must not change between starts.
CLUSTER_ID = "am91cm5leXN0cmVhbS10MQ"

# As Kafka's own start script has it. In a heap that may be smaller than that a broker under load
# looks for garbage all the time, on the cores that others need.
_HEAP = ("-Xms1g", "-Xmx1g", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")


@dataclass(frozen=True)
class Entrances:
    """More ways into a broker: what it listens at, and who may come (in Kafka's own words)."""

    listeners: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    java: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


class ApacheBroker:
    """One node of Apache Kafka in a child process, with its data in `directory`."""

    name = f"Apache Kafka {KAFKA_VERSION} on the local JDK"
    ours = True
    full = True

    def __init__(
        self, java: str, libs: Path, directory: Path, entrances: Entrances | None = None
    ) -> None:
        entrances = entrances or Entrances()
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._log = directory / "broker.log"
        self._config = directory / "server.properties"
        self._java = [java, "-cp", f"{libs}/*", f"-Dlog4j2.configurationFile={HERE}/log4j2.xml"]
        self._java += [f"-Dbroker.log={self._log}", *entrances.java]
        self._child: ChildProcess | None = None
        properties = loopback_properties(self.port, free_port(), directory / "data")
        properties["listeners"] = ",".join((properties["listeners"], *entrances.listeners))
        _write_properties(self._config, {**properties, **entrances.properties})
        arguments = ["format", "-t", CLUSTER_ID, "-c", str(self._config), *entrances.users]
        self._run_tool("kafka.tools.StorageTool", arguments)

    def start(self) -> None:
        """Start it on its data and return when it answers."""
        self.stop()
        command = [*self._java, *_HEAP, "kafka.Kafka", str(self._config)]
        child = self._child = ChildProcess(command, self._log.with_name("console.log"))
        if not wait_until_ready(self.bootstrap, 60, lambda: child.exit_code() is None):
            self.stop()
            told = self._log.read_text(errors="replace") if self._log.is_file() else ""
            raise BrokerMissingError(
                f"Apache Kafka did not start:\n{child.log_end()}\n{told[-2000:]}"
            )

    def stop(self) -> None:
        """Stop it in good order."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def restart(self) -> None:
        """Stop it in good order and start it on the same data and port."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._child is not None:
            self._child.kill()

    def freeze(self) -> None:
        """Let it stand still, connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None, "the broker does not run"
        os.kill(self._child.pid, number)

    def _run_tool(self, main_class: str, arguments: list[str]) -> None:
        done = subprocess.run(
            [*self._java, main_class, *arguments], capture_output=True, check=False, timeout=60
        )
        if done.returncode != 0:
            raise BrokerMissingError(f"{main_class} failed: {(done.stdout + done.stderr).decode()}")


@contextmanager
def apache_broker(entrances: Entrances | None = None) -> Iterator[Broker]:
    """Run Apache Kafka on a directory of its own, or raise BrokerMissingError."""
    java = _find_java()
    libs = _jars()
    with TemporaryDirectory(prefix="journeystream-kafka-") as directory:
        broker = ApacheBroker(java, libs, Path(directory), entrances)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


def _find_java() -> str:
    java = shutil.which("java")
    if java is None:
        raise BrokerMissingError("no java")
    said = subprocess.run([java, "-version"], capture_output=True, check=False, timeout=30)
    version = re.search(r'version "(\d+)', said.stderr.decode())
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise BrokerMissingError(f"java is older than {OLDEST_JAVA}")
    return java


def _jars() -> Path:
    """Return the directory of Kafka's jars, which Maven fills the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    libs = cache / "journeystream" / f"kafka-{KAFKA_VERSION}" / "libs"
    if libs.is_dir():
        return libs
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerMissingError("no mvn")
    libs.parent.mkdir(parents=True, exist_ok=True)
    # Copied beside and renamed: a run that was cut off leaves no half a broker.
    fresh = Path(mkdtemp(dir=libs.parent))
    try:
        _copy_jars(maven, fresh)
        try:
            fresh.rename(libs)
        except OSError:
            # Another run was first; its jars are the same.
            if not libs.is_dir():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return libs


def _copy_jars(maven: str, target: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    done = subprocess.run(
        [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), *goal],
        capture_output=True,
        check=False,
        timeout=180,
    )
    if done.returncode != 0:
        raise BrokerMissingError(f"mvn could not get Apache Kafka: {done.stdout.decode()[-1000:]}")


def _write_properties(path: Path, properties: Mapping[str, str]) -> None:
    path.write_text("".join(f"{name}={text}\n" for name, text in properties.items()))
