"""The Faust agent of the source topics: hands each batch to its partition."""

from __future__ import annotations

import faust

from journeystream.agents.batch import Batch
from journeystream.agents.batch_transport import BatchSchema
from journeystream.agents.partitions import Partitions


def source_events(app: faust.App, topics: list[str], partitions: Partitions) -> None:
    """Declare the agent that reads `topics`."""
    topic = app.topic(*topics, schema=BatchSchema(), acks=False)

    @app.agent(topic, name="source_events")
    async def hand_over(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            partitions.offer(batch)
