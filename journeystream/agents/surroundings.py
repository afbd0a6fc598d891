"""What all partitions of a worker share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from journeystream.agents.batch import Batch
from journeystream.agents.cluster import Cluster
from journeystream.agents.control import Control
from journeystream.agents.frontier import Frontier
from journeystream.agents.intake import Sorter
from journeystream.agents.rejections import Bound
from journeystream.agents.telling import Teller
from journeystream.clock import Clock
from journeystream.events import Entry
from journeystream.journeys import Interest, Journeys
from journeystream.repeats import Memory
from journeystream.sinks.routing import Routing

if TYPE_CHECKING:  # an optional part, which nobody imports who has it not
    from journeystream.agents.tracing import Traced, Tracing


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Handed to every partition.

    `sorters` has one entry per topic that is read; `frontier` says what moves the clock;
    `loose` are the partitions of topics whose records may have to be re-keyed, through the topic
    `passage`.
    `bound` is on dead letters. `teller` is there where turns are committed at least once,
    `tracing` where records are traced.
    """

    cluster: Cluster
    live: bool
    control: Control
    clock: Clock
    memory: Memory
    routing: Routing
    sorters: Mapping[str, Sorter]
    frontier: Frontier
    loose: frozenset[TopicPartition]
    passage: str
    bound: Bound
    teller: Teller | None = None
    tracing: Tracing | None = None

    def interest(self, journeys: Journeys) -> Interest:
        """Return into which events to look; whose a traced one is has to be known."""
        interest = journeys.interest
        return interest if self.tracing is None else replace(interest, strangers=True)

    def following(
        self, batch: Batch, entries: Sequence[Entry]
    ) -> AbstractContextManager[Traced | None]:
        """Trace a turn in the block, if anything of it is traced."""
        return nullcontext() if self.tracing is None else self.tracing.following(batch, entries)
