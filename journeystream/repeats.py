"""A producer's retries count once: repeated message ids of a user are dropped.

Law: an id counts as a repeat within the window of its first event time, among the newest ids
that the user's record keeps. Only events that mattered are kept, for only they change anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from journeystream.events import Adopted, Event, Note
from journeystream.user import User


@dataclass(frozen=True, slots=True)
class Memory:
    """How long (microseconds) and how many message ids a user's record keeps."""

    window: int = 7 * 86_400 * 1_000_000
    ids: int = 100


def is_repeat(user: User, message: Event | Note | Adopted, memory: Memory) -> bool:
    """Tell whether the message's id was seen before."""
    return is_in(user.seen, message, memory)


def remember(user: User, message: Event | Note | Adopted, now: int, memory: Memory) -> None:
    """Keep the message's id, and forget those that are too old or too many."""
    keep(user.seen, message, now, memory)


def is_in(seen: Mapping[str, int], message: Event | Note | Adopted, memory: Memory) -> bool:
    """Tell whether a message's id is among those seen, and not too long ago."""
    if message.message_id is None:
        return False
    seen_at = seen.get(_short(message.message_id))
    return seen_at is not None and abs(message.at - seen_at) <= memory.window


def keep(seen: dict[str, int], message: Event | Note | Adopted, now: int, memory: Memory) -> None:
    """Add a message's id to those seen, and take out those that are too old or too many."""
    if message.message_id is None:
        return
    seen[_short(message.message_id)] = message.at
    horizon = now - memory.window
    while seen and (len(seen) > memory.ids or next(iter(seen.values())) < horizon):
        del seen[next(iter(seen))]


@lru_cache(maxsize=1)  # asked whether it is a repeat, then kept
def _short(message_id: str) -> str:
    """Shorten a message id; 64 bits tell the few hundred ids of one user apart."""
    return blake2b(message_id.encode(), digest_size=8).hexdigest()
