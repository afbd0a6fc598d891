"""A producer's retries count once: repeated message ids of a user are dropped.

Law: an id counts as a repeat within the window of its first event time, among the newest ids
that the user's record keeps. Only events that mattered are kept, for only they change anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from journeystream.events import Adopted, Event, Note
from journeystream.user import User


@dataclass(frozen=True, slots=True)
class Memory:
    """How long (microseconds) and how many message ids a user's record keeps."""

    window: int = 7 * 86_400 * 1_000_000
    ids: int = 100


def is_repeat(user: User, event: Event | Note | Adopted, memory: Memory) -> bool:
    """Tell whether the message's id was seen before."""
    if event.message_id is None:
        return False
    seen_at = user.seen.get(_short(event.message_id))
    return seen_at is not None and abs(event.at - seen_at) <= memory.window


def remember(user: User, event: Event | Note | Adopted, now: int, memory: Memory) -> None:
    """Keep the message's id, and forget those that are too old or too many."""
    if event.message_id is None:
        return
    seen = user.seen
    seen[_short(event.message_id)] = event.at
    horizon = now - memory.window
    while seen and (len(seen) > memory.ids or next(iter(seen.values())) < horizon):
        del seen[next(iter(seen))]


def _short(message_id: str) -> str:
    """Shorten a message id; 64 bits tell the few hundred ids of one user apart."""
    return blake2b(message_id.encode(), digest_size=8).hexdigest()
