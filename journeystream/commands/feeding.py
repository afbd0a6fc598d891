"""Records on their way into one topic, from a file or from what was typed.

Law: what was read before an error is sent, and how much that was is told: it is acknowledged by
all replicas, each record once. What has one key keeps its order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from aiokafka.errors import MessageSizeTooLargeError
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from journeystream.broker_access import BrokerAccess
from journeystream.clock import Clock, WallClock
from journeystream.commands import output
from journeystream.commands.json_lines import JsonLines
from journeystream.errors import OperatorError, UserError
from journeystream.project import LARGEST_MESSAGE
from journeystream.topics import partitions_of

_LINGER_MS = 20
_BATCH_BYTES = 256 * 1024
_SHOW_EVERY = 500

Records = AsyncIterator[tuple[bytes | None, bytes]]
"""Keys and values."""


class Feed:
    """Sends to a topic while its `async with` block lasts; `sent` is what the broker has.

    `lines` is where the records come from, if from a file; `noun` what one is called.
    """

    def __init__(
        self, bootstrap: BrokerAccess, topic: str, noun: str, lines: JsonLines | None
    ) -> None:
        self.topic = topic
        self.partitions = 0
        self.sent = 0
        self._bootstrap = bootstrap
        self._noun = noun
        self._lines = lines
        self._handed_over = 0
        self._failure: BaseException | None = None
        self._clock: Clock = WallClock()
        self._began: float | None = None

    async def __aenter__(self) -> Self:
        self.partitions = (await partitions_of([self.topic], self._bootstrap))[self.topic]
        self.producer = self._bootstrap.producer(
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            # What is too big for journeys is for the worker to refuse, in a dead letter.
            max_request_size=LARGEST_MESSAGE,
        )
        await self.producer.start()
        self._began = self._clock.elapsed()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Sends what is still waiting, whatever ended the reading.
        await self.producer.stop()

    @property
    def has_begun(self) -> bool:
        """Whether anything can have been sent."""
        return self._began is not None

    @property
    def seconds(self) -> float:
        """How long it has taken so far: never nothing, so that it can be divided by."""
        return max(self._clock.elapsed() - (self._began or 0.0), 0.001)

    async def send_all(self, records: Records, rate: float | None = None) -> None:
        """Send records, `rate` of them a second at most, and wait until the broker has them."""
        with _progress(self._noun) as progress:
            task = progress.add_task("", total=None, records=0, speed=0)
            async for key, value in records:
                await self._send(key, value)
                if rate is not None and (early := self._handed_over / rate - self.seconds) > 0:
                    await asyncio.sleep(early)
                if rate is not None or self._handed_over % _SHOW_EVERY == 0:
                    self._raise_failure()
                    progress.update(
                        task,
                        completed=self._lines.bytes_read if self._lines else self._handed_over,
                        total=self._lines.total_bytes if self._lines else None,
                        records=self._handed_over,
                        speed=self._handed_over / self.seconds,
                    )
        await self.producer.flush()
        self._raise_failure()

    async def _send(self, key: bytes | None, value: bytes) -> None:
        try:
            acknowledged = await self.producer.send(self.topic, value, key=key)
        except MessageSizeTooLargeError:
            place = self._lines.place if self._lines else f"a {self._noun}"
            raise UserError(
                f"{place}: this is bigger than {LARGEST_MESSAGE:,} bytes; shorten it"
            ) from None
        acknowledged.add_done_callback(self._acknowledged)
        self._handed_over += 1

    def _acknowledged(self, future: asyncio.Future[object]) -> None:
        if future.cancelled():
            return
        if (error := future.exception()) is None:
            self.sent += 1
        else:
            self._failure = self._failure or error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            said = " ".join(str(self._failure).split())
            raise OperatorError(f"topic {self.topic!r}: Kafka did not take a {self._noun} ({said})")


def _progress(noun: str) -> Progress:
    return output.progress(
        DownloadColumn(),
        BarColumn(),
        TextColumn(f"{{task.fields[records]:,}} {noun}s, {{task.fields[speed]:,.0f}}/s"),
        TimeRemainingColumn(),
    )
