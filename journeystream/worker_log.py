"""What a worker writes to its log: what operators can act on, and nothing in a flood.

Laws:

1. While a broker is away its client tries again many times a second, and says so each time. Of
   each such message one is told, and then one in ten seconds.
2. `text` is lines for people. `json` is one object a line for programs, whatever happens: also
   what Python warns of, what ends the worker, and a traceback are fields of such an object.
3. No secret of the project is told, in whatever message it may stand.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType

from pydantic import BaseModel, SecretStr

_SECONDS = 10.0
_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_HIDDEN = "**********"
_log = logging.getLogger(__name__)
_partition: ContextVar[int | None] = ContextVar("partition", default=None)


class LogForm(StrEnum):
    """How a log is written."""

    TEXT = "text"
    JSON = "json"


class Seldom(logging.Filter):
    """Lets a message of the Kafka client through once in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether it is time to tell it."""
        if not record.name.startswith("aiokafka"):
            return True
        message = record.name, str(record.msg)
        if record.created - self._told.get(message, 0.0) < _SECONDS:
            return False
        self._told[message] = record.created
        return True


class Retrieved(logging.Filter):
    """Drops what asyncio says of failures of the Kafka client that nobody asked for.

    A batch that fails tells it to futures of the client's own too. What failed was raised where we
    sent it, and that is told.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether it is anything else."""
        kind = record.exc_info[0] if record.exc_info else None
        of_client = kind is not None and kind.__module__.startswith("aiokafka.")
        return not (of_client and record.name == "asyncio" and "never retrieved" in str(record.msg))


class Lines(logging.Formatter):
    """Lines for people, without secrets."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__(_FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Write a record, and the traceback that it may have."""
        return _without(self._secrets, super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, logger, worker, partition and error if any."""

    def __init__(self, worker: str, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._worker = worker
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as an object; what it has not, it does not name."""
        at = datetime.fromtimestamp(record.created, UTC)
        row: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            "worker": self._worker,
        }
        if (partition := _partition.get()) is not None:
            row["partition"] = partition
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        hidden = {
            name: _without(self._secrets, value) if isinstance(value, str) else value
            for name, value in row.items()
        }
        return json.dumps(hidden)  # in ASCII: no character of it ends a line


@contextmanager
def about(partition: int) -> Iterator[None]:
    """Let what is told in the block, and by tasks that begin in it, be about a partition."""
    before = _partition.set(partition)
    try:
        yield
    finally:
        _partition.reset(before)


def log_to_stderr(
    form: LogForm = LogForm.TEXT, worker: str = "", secrets: Collection[str] = ()
) -> None:
    """Begin to log; Faust's own steps only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(worker, secrets) if form is LogForm.JSON else Lines(secrets))
    handler.addFilter(Seldom())
    handler.addFilter(Retrieved())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("journeystream").setLevel(logging.INFO)
    # These tell with a traceback what the command tells in one line, or as a fault of ours.
    for name in ("journeystream.app", "journeystream.agents.batch_transport", "mode.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Leaders that are just being elected are nothing to act on.
    logging.getLogger("aiokafka.consumer.fetcher").setLevel(logging.ERROR)
    if form is LogForm.JSON:
        logging.captureWarnings(capture=True)
        sys.excepthook = _tell_fault


def worker_name(instance: str | None) -> str:
    """Return by which name a worker goes: that of its settings, or its machine's and process's."""
    return instance or f"{socket.gethostname()}-{os.getpid()}"


def secrets_of(settings: BaseModel) -> list[str]:
    """Return what of the settings is secret, longest first."""
    return sorted(set(_secrets_in(settings)), key=len, reverse=True)


def _secrets_in(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        if secret := value.get_secret_value():
            yield secret
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets_in(each)


def _without(secrets: Collection[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def _tell_fault(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _log.critical("a fault of journeystream", exc_info=(kind, error, trace))
