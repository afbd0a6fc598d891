"""The cart journey in plain Faust (faust-streaming): one agent and one table.

State: a Table in RocksDB (rocksdict) with its changelog. JSON: its own codec, which takes orjson
where that is installed, as it is here; uvloop too. Offsets are committed each second.

Differences: timers fire with the user's next event (cart.py): a Faust timer may not write a
table. At least once, and not more than that: a table is ahead of the committed offsets after a
crash. No dedup.
"""

from __future__ import annotations

import os
from typing import Any

import faust

from bench.rivals.cart import step

app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}",
    store="rocksdb://",
    datadir=os.environ["BENCH_STATE"],
    topic_partitions=4,
    topic_replication_factor=1,
    broker_commit_interval=1.0,
    web_enabled=False,
)
events = app.topic(os.environ["BENCH_SOURCE"], key_type=str, value_serializer="json")
outputs = app.topic(os.environ["BENCH_OUTPUT"], key_type=str, value_serializer="json")
carts = app.Table("carts")


@app.agent(events)
async def cart(stream: faust.StreamT[Any]) -> None:
    """Apply each event to its user."""
    async for user, event in stream.items():
        before = carts.get(user)
        after, out = step(before, event)
        if after is None and before is not None:
            del carts[user]
        elif after is not None and after is not before:
            carts[user] = after
        for output in out:
            await outputs.send(key=user, value=output)


if __name__ == "__main__":
    app.main()
