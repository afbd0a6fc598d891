"""A partition's state, kept up to date on a worker that does not have the partition.

Law: a standby only reads. Faust's assignor gives a partition that lost its worker to one that
stands by for it; the state there lacks what the last fetches brought, and no more.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from journeystream import metrics
from journeystream.agents.changelog import Ledger
from journeystream.agents.cluster import Cluster
from journeystream.agents.recovery import Replica
from journeystream.state.store import Store

_log = logging.getLogger(__name__)


class Standby:
    """Follows a changelog into a store until it is cancelled."""

    def __init__(self, open_store: Callable[[], Store], ledger: Ledger, cluster: Cluster) -> None:
        self._open_store = open_store
        self._ledger = ledger
        self._cluster = cluster

    async def run(self) -> None:
        """Open the store and follow; however it ends, the store is closed."""
        store = self._open_store()
        replica = Replica(store, self._ledger, self._cluster)
        try:
            await replica.start()
            _log.info("partition %s: standing by", self._ledger.partition)
            await replica.follow()
        finally:
            store.close()
            # Whoever has the partition tells what is left to restore.
            with contextlib.suppress(KeyError):
                metrics.RESTORE_LEFT.remove(self._ledger.partition)
            await replica.stop()
