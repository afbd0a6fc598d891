"""The load: a seeded log of some weeks of events, in the order in which it is produced.

Law: the same seed and count make the same bytes. Events of a trial are never late, so that
plain_trial.py needs no clock but theirs; the others may be up to three days late. Some records
are repeated as a producer's retries, some are no events at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import orjson

_START = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN = timedelta(weeks=8)
END = "2024-06-01T00:00:00Z"
EVENTS_PER_USER = 60
_LATE, _REPEATED, _JUNK = 0.03, 0.01, 0.002
_LATEST = timedelta(days=3)
_RECENT = 200  # a retry comes while its first is still among so many
TRIAL = frozenset(("Trial Started", "Plan Chosen", "Trial Cancelled"))
_WEIGHTS = {
    "Product Viewed": 30,
    "Product Added": 14,
    "Payment Info Entered": 6,
    "Order Completed": 9,
    "Payment Failed": 6,
    "Support Chat Opened": 3,
    "Trial Started": 6,
    "Plan Chosen": 6,
    "Trial Cancelled": 2,
    "identify": 6,
    "Newsletter Opened": 12,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A record as an app produces it."""

    user: str
    value: bytes


def records(seed: int, count: int) -> Iterator[Record]:
    """Yield the load."""
    rng = Random(seed)  # noqa: S311  a load, no secret
    users = [f"u{number}" for number in range(max(20, count // EVENTS_PER_USER))]
    recent: list[Record] = []
    names, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    for number in range(count):
        chance = rng.random()
        user = rng.choice(users)
        if chance < _JUNK:
            yield Record(user, f"no event {number}".encode())
        elif chance < _JUNK + _REPEATED and recent:
            yield rng.choice(recent)
        else:
            name = rng.choices(names, weights)[0]
            at = _START + _SPAN * number / count
            if name not in TRIAL and rng.random() < _LATE:
                at -= _LATEST * rng.random()
            record = Record(user, orjson.dumps(_event(rng, user, name, at, number)))
            recent = [*recent[-_RECENT:], record]
            yield record


def _event(rng: Random, user: str, name: str, at: datetime, number: int) -> dict[str, object]:
    said: dict[str, object] = {
        "userId": user,
        "messageId": f"m{number}",
        "timestamp": at.isoformat(timespec="milliseconds"),
    }
    if name == "identify":
        traits = {"plan": rng.choice(("free", "pro")), "email": f"{user}@example.com"}
        return said | {"type": "identify", "traits": traits | {"unsubscribed": rng.random() < 0.1}}
    return said | {"type": "track", "event": name, "properties": {"price": rng.randrange(100)}}
