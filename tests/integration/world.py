"""A project of its own on the test broker, used as its three kinds of people would.

Upstream apps and destinations are confluent-kafka clients (librdkafka, independent of ours);
whoever runs workers uses the command line. Every world has its own topics, so that tests do
not meet. Nothing sleeps: what must come is waited for, with a bound.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

# Not from `admin`, which has them too but does not export them for type checkers.
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from typer.testing import CliRunner

from journeystream.cli import app_for
from tests.integration.reading import Received, end_of, read_to_end, reader, received
from tests.integration.waiting import PATIENCE, wait_until

PARTITIONS = 4
_STARTING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
)
# Each test needs these, and a process of its own would take longer than what it does.
_SHORT = ("topics", "publish")
_PROJECT = """\
app: {app}
time: {time}
kafka: {{bootstrap: "{bootstrap}", partitions: {partitions}, session_timeout: 6 seconds}}
sources:
  - {{topic: {app}-events, keyed_by_user: {keyed}}}
destinations:
  - {{name: email, type: event, topic: {app}-email}}
  - {{name: in_app, type: event, topic: {app}-in-app}}
  - {{name: support, type: event, topic: {app}-support, call: identify}}
  - name: crm
    type: event
    topic: {app}-crm
    attributes: {{email: traits.email, plan: entry.plan, channel: traits.acquisition_channel}}
  - {{name: facebook_ads, type: list, topic: {app}-facebook-ads}}
  - {{name: google_ads, type: list, topic: {app}-google-ads}}
  - {{name: ads, type: list, topic: {app}-ads}}
{more}
"""


class Worker:
    """A worker process, started as a person starts it; `settings` are environment variables."""

    def __init__(
        self,
        world: World,
        name: str,
        *options: str,
        settings: Mapping[str, str] | None = None,
        program: str = "journeystream",
    ) -> None:
        self.state = world.directory / f"state-{name}"
        self._file = world.directory / f"{name}.log"
        self._log = self._file.open("a", encoding="utf-8")
        self._begins = self._file.stat().st_size
        environment = {
            **os.environ,
            "JOURNEYSTREAM_STATE__DIRECTORY": str(self.state),
            "JOURNEYSTREAM_KAFKA__INSTANCE": name,
            **(settings or {}),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", program, "-p", str(world.file), "run", *options],
            env=environment,
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def log(self) -> str:
        """What it and those of its name before it have said."""
        return self._file.read_text(encoding="utf-8")

    @property
    def held(self) -> int:
        """How many partitions it has, as it tells."""
        told = self._file.read_bytes()[self._begins :]
        return told.count(b": taken over") - told.count(b": let go")

    def holds_all(self) -> bool:
        """Tell whether it has all partitions, recovered."""
        return self.held == PARTITIONS

    @property
    def peak_memory(self) -> int:
        """The most memory that it has had at one time, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        [peak] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024

    def freeze(self) -> None:
        """Let it stand still, as a virtual machine that is moved."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, and know nothing of the time between."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._log.close()

    def stop(self, within: float = PATIENCE) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._log.close()
        return code


class World:
    """One project: its files, topics, workers and clients."""

    def __init__(
        self,
        directory: Path,
        bootstrap: str,
        *,
        live: bool = False,
        keyed: bool = True,
        more: str = "",
        partitions: int = PARTITIONS,
    ) -> None:
        self.directory = directory
        self.bootstrap = bootstrap
        self.app = f"t{uuid4().hex[:12]}"
        self.source = f"{self.app}-events"
        self.file = directory / "journeystream.yaml"
        self.file.write_text(
            _PROJECT.format(
                app=self.app,
                time="live" if live else "replay",
                bootstrap=bootstrap,
                partitions=partitions,
                keyed=str(keyed).lower(),
                more=more.replace("{app}", self.app),
            ),
            encoding="utf-8",
        )
        self._workers: list[Worker] = []
        self.cli("topics")
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "message.max.bytes": 20_000_000,
            }
        )

    # ── whoever runs it ──────────────────────────────────────────────────────────────────

    def cli(self, *words: str | Path) -> str:
        """Run a command; a failure shows what it printed."""
        if words[0] in _SHORT and threading.current_thread() is threading.main_thread():
            typed = ["-p", str(self.file), *map(str, words)]
            result = CliRunner().invoke(app_for(typed), typed)
            assert result.exit_code == 0, result.output
            return result.stdout
        done = subprocess.run(
            [sys.executable, "-m", "journeystream", "-p", self.file, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def publish(self, definition: str) -> None:
        """Publish a definition as a person does: from a file."""
        file = self.directory / f"{uuid4().hex[:8]}.yaml"
        file.write_text(definition, encoding="utf-8")
        self.cli("publish", file)

    @contextlib.contextmanager
    def worker(
        self, name: str = "worker-1", *options: str, settings: Mapping[str, str] | None = None
    ) -> Iterator[Worker]:
        """Run a worker for the length of the block; its log is shown when the block fails."""
        worker = Worker(self, name, *options, settings=settings)
        self._workers.append(worker)
        try:
            yield worker
            self._workers.remove(worker)
            assert worker.process.poll() is None, "the worker ended by itself"
            assert worker.stop() == 0
        except BaseException:
            worker.kill()  # which closes its log, if it has ended already
            # pytest shows what a failed test wrote.
            sys.stderr.write((self.directory / f"{name}.log").read_text(encoding="utf-8")[-8000:])
            raise

    @contextlib.contextmanager
    def doomed_worker(self, name: str = "worker-1") -> Iterator[Worker]:
        """Run a worker that may end by itself, and that has ended after the block."""
        worker = Worker(self, name)
        try:
            yield worker
        finally:
            worker.kill()

    def settle(self, patience: float = PATIENCE) -> None:
        """Wait until the workers have committed everything that is in their topics."""
        wait_until(self._has_caught_up, "the workers' lag to end", patience)

    def _has_caught_up(self) -> bool:
        assert all(worker.process.poll() is None for worker in self._workers), "a worker ended"
        return not self.lag()

    def lag(self) -> dict[str, int]:
        """Return how many offsets the group has yet to commit, by partition that lags."""
        tps = [
            TopicPartition(topic, number)
            for topic in (self.source, f"{self.app}.rekeyed")
            for number in range(PARTITIONS)
        ]
        # A consumer that never subscribes joins nothing. (The admin client's way to ask crashes
        # librdkafka 2.16 when the coordinator of a new broker still loads.)
        with reader(self.bootstrap, self.app) as consumer:
            committed: list[TopicPartition] = []
            ends: dict[tuple[str, int], int] = {}

            def is_told() -> bool:
                try:
                    committed[:] = consumer.committed(tps, PATIENCE)
                    ends.update({(tp.topic, tp.partition): end_of(consumer, tp) for tp in tps})
                except KafkaException as error:
                    if error.args[0].code() not in _STARTING:
                        raise
                    return False
                return True

            wait_until(is_told, "the broker to tell offsets")
        return {
            f"{tp.topic}/{tp.partition}": behind
            for tp in committed
            if (behind := ends[tp.topic, tp.partition] - max(tp.offset, 0)) > 0
        }

    # ── upstream apps ────────────────────────────────────────────────────────────────────

    def produce(self, events: Iterable[dict[str, Any]]) -> None:
        """Produce events as an app would, keyed by user."""
        for event in events:
            user = event.get("userId") or event.get("anonymousId")
            self.produce_raw(json.dumps(event).encode(), key=user)
        self.flush()

    def produce_raw(
        self,
        value: bytes | None,
        key: str | None = None,
        partition: int = -1,
        at: datetime | None = None,
        topic: str | None = None,
    ) -> None:
        """Produce any bytes; `at` is the record's time, now if it is not given.

        Without a `topic` it is the source.
        """
        milliseconds = 0 if at is None else round(at.timestamp() * 1_000)
        while True:
            try:
                self._producer.produce(
                    topic or self.source, value, key, partition, timestamp=milliseconds
                )
            except BufferError:
                self._producer.poll(1)
            else:
                return

    def flush(self) -> None:
        """Wait until the broker has all that was produced."""
        assert self._producer.flush(PATIENCE) == 0

    def mark_clock(self, at: str) -> None:
        """Tell every partition that nothing older than `at` will come."""
        for partition in range(PARTITIONS):
            self.produce_raw(
                json.dumps({"type": "clock", "timestamp": at}).encode(), None, partition
            )
        self.flush()

    # ── whoever runs Kafka ───────────────────────────────────────────────────────────────

    def set_topic(self, topic: str, **config: str | int) -> None:
        """Change settings of a topic; `_` stands for each `.` of their names."""
        changed = ConfigResource(
            ConfigResource.Type.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(
                    name.replace("_", "."),
                    str(setting),
                    incremental_operation=AlterConfigOpType.SET,
                )
                for name, setting in config.items()
            ],
        )
        admin = self._admin()  # it must live until it is done
        [done] = admin.incremental_alter_configs([changed]).values()
        done.result(PATIENCE)

    def delete_topic(self, topic: str) -> None:
        """Delete a topic, and wait until the broker does not know it any more."""
        admin = self._admin()
        admin.delete_topics([topic])[topic].result(PATIENCE)
        wait_until(
            lambda: topic not in admin.list_topics(timeout=PATIENCE).topics, f"{topic} to be gone"
        )

    def cut_off(self, topic: str, partition: int, before: int) -> None:
        """Let the broker delete a partition's records before an offset."""
        admin = self._admin()

        def is_cut() -> bool:
            [done] = admin.delete_records([TopicPartition(topic, partition, before)]).values()
            try:
                done.result(PATIENCE)
            except KafkaException as error:
                # A setting of the topic that allows it may take a moment to come through.
                if error.args[0].code() != KafkaError.POLICY_VIOLATION:
                    raise
                return False
            return True

        wait_until(is_cut, f"{topic} to be cut off")

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap})

    # ── destinations ─────────────────────────────────────────────────────────────────────

    def topic_of(self, destination: str) -> str:
        """Return the topic of a destination of this world's project."""
        return f"{self.app}-{destination.replace('_', '-')}"

    def received(self, destination: str) -> list[Received]:
        """Return all that a destination can read, partition by partition, in order."""
        return [received(message) for message in self.read(self.topic_of(destination))]

    def end(self, topic: str) -> int:
        """Return the sum of where a topic's partitions end, for who reads committed records."""
        with reader(self.bootstrap) as consumer:
            partitions = consumer.list_topics(topic, PATIENCE).topics[topic].partitions
            return sum(end_of(consumer, TopicPartition(topic, number)) for number in partitions)

    def read(self, topic: str) -> list[Message]:
        """Read a topic from its start to its end, committed records only."""
        with reader(self.bootstrap) as consumer:
            return read_to_end(consumer, topic)
