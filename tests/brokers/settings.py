"""The settings of every broker that the tests start, and of docker-compose.kafka.yml.

They are Kafka's server properties, in one place, because a test on another broker than the one
that runs must not pass for a reason of its settings. What differs from broker to broker
(listeners, ids, directories) is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

KAFKA_VERSION: Final = "4.1.1"
KAFKA_IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"

BROKER_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # One node that is broker and controller.
        "process.roles": "broker,controller",
        # One node can hold one copy.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        # Each of these partitions is loaded at every start; 50 make that slow.
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.num.partitions": "5",
        # A lone worker gets its partitions at once ...
        "group.initial.rebalance.delay.ms": "0",
        # ... and a dead one may lose them within a second, if it asks for that.
        "group.min.session.timeout.ms": "1000",
        # A transaction is aborted at its timeout, and not up to 10 s after it.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        # Topics have the partitions and settings that journeystream gives them, or are missing.
        "auto.create.topics.enable": "false",
        # A user's state is one changelog record, of 20 MiB at most.
        "message.max.bytes": "20971520",
    }
)


def as_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return server properties in the form that the image apache/kafka reads."""
    marks = str.maketrans({".": "_", "_": "__", "-": "___"})
    return {f"KAFKA_{name.translate(marks).upper()}": text for name, text in settings.items()}


def loopback_properties(port: int, controller_port: int, data_dir: Path) -> dict[str, str]:
    """Return all server properties of a broker on this machine that only it can reach."""
    return {
        **BROKER_SETTINGS,
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "log.dirs": str(data_dir),
    }
