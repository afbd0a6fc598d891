"""What the cart journey must put out: worked out from whole histories, not event by event.

The journey: Product Added lets a user in who is not in it. An order within the hour takes them out
silently. Otherwise they are Entered an hour after the addition, and Exited by the first order
after that or a day later, whichever is first. What is due at an event's time happens before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.workload import Event

HOUR = 3_600_000
DAY = 24 * HOUR

Output = tuple[str, str, int]
"""User, `Audience Entered` or `Audience Exited`, and its time in milliseconds since 1970."""


@dataclass(frozen=True)
class Expected:
    """All outputs of `users`; `caused_by` has the number of the event each follows from, sorted.

    That is for clocks that move with each user's own events.
    """

    events: int
    outputs: Counter[Output]
    caused_by: list[int]
    users: int

    def events_behind(self, outputs: int) -> int:
        """Return how many events are done when so many outputs are there."""
        if outputs >= len(self.caused_by):
            return self.events
        return self.caused_by[outputs - 1] + 1 if outputs else 0


def expected(events: Iterable[Event]) -> Expected:
    """Work out the outputs for events whose times rise."""
    times: list[int] = []
    own: defaultdict[str, list[int]] = defaultdict(list)
    added: defaultdict[str, list[int]] = defaultdict(list)
    ordered: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        times.append(event.at)
        own[event.user].append(event.at)
        if event.name == "Product Added":
            added[event.user].append(event.at)
        elif event.name == "Order Completed":
            ordered[event.user].append(event.at)
    outputs: Counter[Output] = Counter()
    caused_by: list[int] = []
    for user, additions in added.items():
        for what, at in _stays(additions, ordered[user]):
            outputs[user, what, at] += 1
            cause = own[user][bisect_left(own[user], at)]
            caused_by.append(bisect_left(times, cause))
    return Expected(len(times), outputs, sorted(caused_by), len(own))


def _stays(additions: list[int], orders: list[int]) -> Iterator[tuple[str, int]]:
    out_since = 0
    for addition in additions:
        if addition < out_since:
            continue
        order = orders[bisect_left(orders, addition)]  # the last event of all is an order
        if order < addition + HOUR:
            out_since = order
            continue
        out_since = min(order, addition + HOUR + DAY)
        yield "Audience Entered", addition + HOUR
        yield "Audience Exited", out_since
