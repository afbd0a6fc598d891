"""One question to Kafka for all who want to know the same at the same time.

Law: whoever asks gets the answer to a question that was put after they asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Asks by `put`; call it for the answer."""

    def __init__(self, put: Callable[[], Awaitable[T]]) -> None:
        self._put = put
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Return the answer, or raise what the question raised."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._next)  # who is cancelled leaves the others theirs

    async def _ask(self) -> T:
        self._next = None  # whoever comes from here on is too late for this one
        return await self._put()
