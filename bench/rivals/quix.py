"""The cart journey in Quix Streams 3.

State: its RocksDB store with its changelog. JSON: its own serialisers (orjson). Checkpoints each
second rather than each five, so that the end of a run is not a wait.

Differences: timers fire with the user's next event (cart.py). No dedup of messageIds.
"""

from __future__ import annotations

import os
from typing import Any

from quixstreams import Application, State

from bench.rivals.cart import step


def advance(event: dict[str, Any], state: State) -> list[dict[str, Any]]:
    """Apply one event of a user."""
    before = state.get("cart")
    after, out = step(before, event)
    if after is None and before is not None:
        state.delete("cart")
    elif after is not before:
        state.set("cart", after)
    return out


def main() -> None:
    """Run until it is ended."""
    told = os.environ
    guarantee = told["BENCH_GUARANTEE"].replace(" ", "-")
    app = Application(
        broker_address=told["BENCH_BOOTSTRAP"],
        consumer_group=told["BENCH_GROUP"],
        auto_offset_reset="earliest",
        state_dir=told["BENCH_STATE"],
        processing_guarantee="exactly-once" if guarantee == "exactly-once" else "at-least-once",
        commit_interval=1.0,
        loglevel="WARNING",
    )
    events = app.topic(told["BENCH_SOURCE"], key_deserializer="str")
    outputs = app.topic(told["BENCH_OUTPUT"], key_serializer="str")
    app.dataframe(events).apply(advance, stateful=True, expand=True).to_topic(outputs)
    app.run()


if __name__ == "__main__":
    main()
