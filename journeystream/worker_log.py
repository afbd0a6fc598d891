"""What a worker writes to its log: what operators can act on, and nothing in a flood.

Law: while a broker is away its client tries again many times a second, and says so each time. Of
each such message one is told, and then one in ten seconds.
"""

from __future__ import annotations

import logging
import sys

_SECONDS = 10.0
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


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


def log_to_stderr() -> None:
    """Begin to log; Faust's own steps only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("journeystream").setLevel(logging.INFO)
    # These tell with a traceback what the command tells in one line, or as a fault of ours.
    for name in ("journeystream.app", "journeystream.agents.batch_transport", "mode.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Leaders that are just being elected are nothing to act on.
    logging.getLogger("aiokafka.consumer.fetcher").setLevel(logging.ERROR)
