"""What the handlers of the API work with, of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from aiokafka.errors import ConsumerStoppedError

from journeystream.agents.control import Control
from journeystream.agents.health import Health
from journeystream.agents.partition import Partition
from journeystream.api.owners import Owners
from journeystream.api.problems import Refused
from journeystream.api.workbench import Workbench
from journeystream.broker_access import BrokerAccess
from journeystream.clock import Clock
from journeystream.control_log import Published
from journeystream.errors import BrokerUnreachable
from journeystream.explaining import Explainer
from journeystream.project import Project
from journeystream.publishing import workshop_of

T = TypeVar("T")
_AGAIN = {"Retry-After": "2"}
_PATIENCE_SECONDS = 10.0  # who asks over HTTP does not wait as long as a worker does


@dataclass(frozen=True, slots=True)
class Desk:
    """Handed to every handler; `owners` knows which worker has which user.

    Who writes holds `writing`: of two who change the control topic at once, one would be fenced.
    """

    project: Project
    bootstrap: BrokerAccess
    control: Control
    owners: Owners
    clock: Clock
    health: Callable[[], Health]
    workbench: Workbench = field(default_factory=Workbench)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    thinking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _explainers: list[tuple[Published, Explainer]] = field(default_factory=list)

    async def published(self) -> Published:
        """Return all that is published by now; Refused while the worker starts or ends."""
        if self.control.silent_seconds is None:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "the worker is starting; try again", _AGAIN
            )
        try:
            await asyncio.wait_for(self.control.current(), _PATIENCE_SECONDS)
        except TimeoutError:
            raise BrokerUnreachable("the control topic can not be read now") from None
        except ConsumerStoppedError:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "this worker ends; ask another one", _AGAIN
            ) from None
        return self.control.published

    @property
    def explainer(self) -> Explainer:
        """What is published, ready to be asked about any user; made once for each change."""
        published = self.control.published
        if not self._explainers or self._explainers[0][0] is not published:
            explainer = Explainer(published, workshop_of(self.project))
            self._explainers[:] = [(published, explainer)]
        return self._explainers[0][1]

    async def think(self, work: Callable[[], T]) -> T:
        """Do in a thread what may take a while (examples are run): turns go on meanwhile.

        One at a time: several threads would leave the turns little.
        """
        async with self.thinking:
            return await asyncio.to_thread(work)

    def now(self, partition: Partition) -> int:
        """Return what time it is for a partition's users."""
        return self.clock.now() if self.project.time == "live" else partition.state.clock
