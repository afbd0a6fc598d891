"""The cart journey in Bytewax.

State: its recovery store (SQLite), a snapshot each second; no RocksDB, no changelog, and offsets
are in that store, not in Kafka. JSON: orjson, as Bytewax has no JSON of its own.

Differences: timers fire with the user's next event (cart.py); its own notifications go by the
wall clock. At least once: a crash repeats the outputs of a snapshot's length. No dedup.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow

from bench.rivals.cart import State, step

Event = dict[str, Any]


class Cart(op.StatefulBatchLogic[Event, Event, State | None]):
    """One user."""

    def __init__(self, state: State | None) -> None:
        self._state = state

    def on_batch(self, values: list[Event]) -> tuple[Iterable[Event], bool]:
        """Apply a user's events; a user who is out is forgotten."""
        out: list[Event] = []
        for event in values:
            self._state, more = step(self._state, event)
            out += more
        return out, self._state is None

    def snapshot(self) -> State | None:
        """Return what to keep; `step` never changes a state in place."""
        return self._state


def _parse(message: KafkaSourceMessage[bytes | None, bytes | None]) -> tuple[str, Event]:
    event = orjson.loads(message.value or b"")
    return event["userId"], event


def _format(keyed: tuple[str, Event]) -> KafkaSinkMessage[bytes, bytes]:
    user, output = keyed
    return KafkaSinkMessage(user.encode(), orjson.dumps(output))


_BROKERS = [os.environ["BENCH_BOOTSTRAP"]]
flow = Dataflow("cart")
_source = KafkaSource(_BROKERS, [os.environ["BENCH_SOURCE"]], batch_size=1_000)
_events = op.map("parse", op.input("events", flow, _source), _parse)
_out = op.stateful_batch("cart", _events, Cart)
op.output("out", op.map("format", _out, _format), KafkaSink(_BROKERS, os.environ["BENCH_OUTPUT"]))
